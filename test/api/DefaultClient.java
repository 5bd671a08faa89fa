import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;

/** What a Java program does that was told nothing but the URL: its client offers `Upgrade: h2c`. Prints the statuses of a file's life. */
public final class DefaultClient {
  private static final HttpClient client = HttpClient.newHttpClient();

  public static void main(String[] args) throws Exception {
    String base = args[0];
    for (int bytes : new int[] {0, 5, 300_000, 6_000_000}) life(base, "java-" + bytes, bytes);
    List<CompletableFuture<HttpResponse<String>>> many = IntStream.range(0, 100)
        .mapToObj(number -> client.sendAsync(to(base + "/ready").build(), BodyHandlers.ofString()))
        .toList();
    long answered = many.stream().filter(answer -> answer.join().statusCode() == 200).count();
    System.out.println("many " + answered);
  }

  private static void life(String base, String name, int length) throws Exception {
    byte[] bytes = new byte[length];
    new Random(length).nextBytes(bytes);
    String json = "{\"filename\":\"" + name + "\",\"file\":\"" + Base64.getEncoder().encodeToString(bytes) + "\"}";
    int posted = status(to(base + "/file").POST(BodyPublishers.ofString(json)));
    HttpResponse<byte[]> read = client.send(to(base + "/file/" + name).build(), BodyHandlers.ofByteArray());
    boolean isSame = java.util.Arrays.equals(bytes, read.body());
    int deleted = status(to(base + "/file/" + name).DELETE());
    int gone = status(to(base + "/file/" + name));
    System.out.println(name + " " + posted + " " + read.statusCode() + " " + isSame + " " + deleted + " " + gone + " " + read.version());
  }

  private static HttpRequest.Builder to(String url) {
    return HttpRequest.newBuilder(URI.create(url)).timeout(Duration.ofSeconds(20));
  }

  private static int status(HttpRequest.Builder request) throws Exception {
    return client.send(request.build(), BodyHandlers.discarding()).statusCode();
  }
}

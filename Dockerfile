# One image for both programs: `node manager/bundle/main.js` and `node file-server/bundle/main.js`. The manager runs the peer.
FROM node:22-bookworm-slim AS build
WORKDIR /app
# One package of the peer is compiled where it does not come compiled.
RUN [ "$(dpkg --print-architecture)" = amd64 ] \
  || { apt-get update && apt-get install -y --no-install-recommends g++ make python3; }
# The manifests first: packages are installed anew only when these change. All of them, as the lock file names them.
COPY package.json package-lock.json .npmrc tsconfig.base.json ./
COPY shared/package.json shared/
COPY launcher/package.json launcher/
COPY manager/package.json manager/
COPY file-server/package.json file-server/
COPY client/package.json client/
COPY peer/package.json peer/
COPY peer/no-webrtc/package.json peer/no-webrtc/
COPY web/package.json web/
COPY web/no-canvas/package.json web/no-canvas/
COPY test/package.json test/
COPY bench/package.json bench/
RUN npm ci --no-audit --workspace shared --workspace manager --workspace file-server --workspace peer --workspace web
COPY shared/tsconfig.json shared/
COPY shared/src shared/src
COPY manager/tsconfig.json manager/
COPY manager/src manager/src
COPY file-server/tsconfig.json file-server/
COPY file-server/src file-server/src
COPY peer/tsconfig.json peer/
COPY peer/src peer/src
COPY peer/no-webrtc peer/no-webrtc
COPY web/index.html web/tsconfig.json web/*.mjs web/*.ts web/
COPY web/src web/src
COPY scripts/bundle.mjs scripts/bundles.mjs scripts/
# Then what the programs need while they run, and nothing else.
RUN npx tsc -b manager file-server peer \
  && node scripts/bundle.mjs manager file-server peer \
  && node web/build.mjs \
  && npm ci --no-audit --omit=dev --workspace shared --workspace manager --workspace file-server --workspace peer \
  && rm -rf */src */tsconfig.* shared/dist manager/dist file-server/dist peer/dist

FROM node:22-bookworm-slim
ENV NODE_ENV=production
# With `true` managers check audio more thoroughly, and can transcode it, but the image is three times as large.
ARG FFMPEG=false
RUN if [ "$FFMPEG" = true ]; then \
    apt-get update && apt-get install --yes --no-install-recommends ffmpeg && rm -rf /var/lib/apt/lists/*; \
  fi
WORKDIR /app
# A named volume takes its owner from the directory that it is mounted on.
RUN install -d -o node -g node /data /torrents
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/shared shared
COPY --from=build /app/manager manager
COPY --from=build /app/file-server file-server
COPY --from=build /app/peer peer
COPY --from=build /app/web/dist web/dist
USER node
EXPOSE 8000
CMD ["node", "manager/bundle/main.js"]

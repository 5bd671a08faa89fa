# One image for both programs: `node manager/dist/main.js` and `node file-server/dist/main.js`.
FROM node:22-bookworm-slim AS build
WORKDIR /app
# The manifests first: packages are installed anew only when these change.
COPY package.json package-lock.json .npmrc tsconfig.base.json tsconfig.json ./
COPY shared/package.json shared/
COPY launcher/package.json launcher/
COPY manager/package.json manager/
COPY file-server/package.json file-server/
COPY client/package.json client/
COPY test/package.json test/
COPY bench/package.json bench/
RUN npm ci --no-audit
COPY shared shared
COPY launcher launcher
COPY manager manager
COPY file-server file-server
COPY client client
COPY bench bench
RUN npx tsc -b && npm prune --omit=dev --no-audit

FROM node:22-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
# A named volume takes its owner from the directory that it is mounted on.
RUN install -d -o node -g node /data
COPY --from=build /app ./
USER node
EXPOSE 8000
CMD ["node", "manager/dist/main.js"]

// What the sources use of node:http (`quick-imports.js`). To import node:http itself reads all its exports, among them a client that nobody
// uses: 90 ms of processor time and 13 MB in each thread.
export const { createServer, IncomingMessage, request } = process.getBuiltinModule('node:http');

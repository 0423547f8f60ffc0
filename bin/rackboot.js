#!/usr/bin/env node
// Starts Rackboot with a Node that runs it (`find-node.js`) and the flags of a daemon (`daemon-flags.js`).
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { cachePlace } from './cache-place.js';
import { DAEMON_FLAGS } from './daemon-flags.js';
import { become, findNode, root } from './find-node.js';

const node = findNode();
const main = [join(root, 'src', 'main.ts'), join(root, 'dist', 'main.js')].find((path) => existsSync(path));
if (main === undefined) {
  console.error(`rackboot: neither src/main.ts nor dist/main.js exists below ${root}; the installation is incomplete.`);
  process.exit(1);
}
const env = { ...process.env };
// Compiled code of a checkout; an installed service names its own place.
if (env.NODE_COMPILE_CACHE === undefined && existsSync(join(root, 'node_modules'))) {
  env.NODE_COMPILE_CACHE = join(cachePlace(), 'rackboot');
}
await become(node, [...DAEMON_FLAGS, main, ...process.argv.slice(2)], env);

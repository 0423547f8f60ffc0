#!/usr/bin/env node
// Starts Rackboot with a Node that runs it (`find-node.js`) and the flags the daemon wants.
//
// --v8-pool-size=1: on a host with few cores V8's helper threads otherwise crowd the rack loop out while the region collects garbage.
// --max-semi-space-size=8: what waits for the disk dies young. With 2, which keeps the idle process 11 MB smaller, a tenth of a lease's
// processor time goes into copying it; with 16 little more is saved.
// --no-parallel-scavenge: a young generation of this size is collected in a millisecond; shared with a helper thread it costs more in all.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { cachePlace } from './cache-place.js';
import { become, findNode, root } from './find-node.js';

const FLAGS = [
  '--v8-pool-size=1',
  '--max-semi-space-size=8',
  '--no-parallel-scavenge',
  '--disable-warning=ExperimentalWarning',
];

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
await become(node, [...FLAGS, main, ...process.argv.slice(2)], env);

#!/usr/bin/env node
// Starts Rackboot with a Node that runs it (`find-node.js`) and the flags of a daemon (`daemon-flags.js`).
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { cachePlace } from './cache-place.js';
import { flagsFor } from './daemon-flags.js';
import { become, findNode, root } from './find-node.js';

const SOURCES = join(root, 'src');

/** Whether anything in this directory was changed since. */
const isNewer = (directory, atMs) =>
  statSync(directory).mtimeMs >= atMs ||
  readdirSync(directory, { withFileTypes: true }).some((entry) => {
    const path = join(directory, entry.name);
    return entry.isDirectory() ? isNewer(path, atMs) : statSync(path).mtimeMs >= atMs;
  });

/** Whether dist/ is there, and in a checkout as new as its sources. */
function isBuilt() {
  const builtAt = statSync(join(root, 'dist', 'package.json'), { throwIfNoEntry: false })?.mtimeMs;
  return builtAt !== undefined && !(existsSync(SOURCES) && isNewer(SOURCES, builtAt));
}

const node = findNode();
const isBundled = isBuilt();
const main = isBundled ? join(root, 'dist', 'main.js') : join(SOURCES, 'main.ts');
if (!existsSync(main)) {
  console.error(`rackboot: neither dist/main.js nor src/main.ts exists below ${root}; the installation is incomplete.`);
  process.exit(1);
}
// A bundle keeps its compiled code by itself.
if (isBundled && process.argv[2] === 'warm') process.exit(0);
const env = { ...process.env };
// Of commands; an installed service names its own place.
env.NODE_COMPILE_CACHE ??= join(cachePlace(), 'rackboot');
await become(node, [...flagsFor(main), main, ...process.argv.slice(2)], env);

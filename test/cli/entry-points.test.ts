// Every entry point of a checkout finds its own Node: the scripts of package.json, and the commands that documents and messages name.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { DAEMON_FLAGS } from '../../bin/daemon-flags.js';

const ROOT = dirname(dirname(import.meta.dirname));
/** The programs that find the Node. */
const STARTERS = /^node bin\/(?:rackboot|with-node)\.js(?: |$)/;
/** A program of its own, which any Node that npm runs on can start. */
const OTHERS = /^biome /;
/** Makes a Node believe that it is that of Debian 12. */
const OLD = "Object.defineProperty(process.versions, 'node', { value: '18.20.4' });";

test('every script of package.json starts with what finds the Node', () => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const commands = Object.entries(scripts).map(([name, command]) => [name, String(command)] as const);
  assert.ok(commands.length >= 10, String(commands.length));
  for (const [name, command] of commands) assert.ok(STARTERS.test(command) || OTHERS.test(command), `npm run ${name}`);
  // Neither starts a file that only a newer Node understands.
  for (const file of ['rackboot.js', 'with-node.js', 'find-node.js', 'cache-place.js', 'daemon-flags.js'])
    assert.doesNotMatch(readFileSync(join(ROOT, 'bin', file), 'utf8'), /from '.*\.ts'/, file);
});

test('with the flags of a daemon, a process and its threads load one language of zod', () => {
  const script = "const { z } = await import('zod'); console.log(Object.keys(z.locales).join());";
  const thread = `new (require('node:worker_threads').Worker)(${JSON.stringify(script)}, { eval: true });`;
  for (const [flags, code] of [
    [['--input-type=module'], script],
    [[], thread],
  ] as const) {
    const run = (more: readonly string[]): string =>
      execFileSync(process.execPath, [...more, ...flags, '-e', code], { cwd: ROOT, encoding: 'utf8' }).trim();
    assert.equal(run(DAEMON_FLAGS), 'default', code);
    // The flags are still needed.
    assert.ok(run([]).split(',').length > 1, code);
  }
});

test('no document, message or comment starts a TypeScript file with whichever Node is there', () => {
  const files = globSync(['README.md', 'docs/**/*.md', '{src,test,bench}/**/*.ts'], { cwd: ROOT });
  const wrong = files.flatMap((file) =>
    readFileSync(join(ROOT, file), 'utf8')
      .split('\n')
      .flatMap((line, index) =>
        /\bnode (?:src|test|bench)\/\S+\.ts/.test(line) ? [`${file}:${index + 1}: ${line}`] : [],
      ),
  );
  assert.deepEqual(wrong, []);
});

test('an old Node finds the packaged one without a link in node_modules/.bin, which older npm does not make', () => {
  const checkout = mkdtempSync(join(tmpdir(), 'rackboot-entry-'));
  try {
    cpSync(join(ROOT, 'bin'), join(checkout, 'bin'), { recursive: true });
    const packaged = join(checkout, 'node_modules', `node-linux-${process.arch}`, 'bin');
    for (const directory of [packaged, join(checkout, 'src')]) mkdirSync(directory, { recursive: true });
    symlinkSync(process.execPath, join(packaged, 'node'));
    writeFileSync(join(checkout, 'package.json'), '{ "type": "module" }\n');
    const program =
      'const words: readonly string[] = process.argv.slice(2);\nconsole.log(process.versions.node, words.join());\n';
    for (const file of ['src/main.ts', 'tool.ts']) writeFileSync(join(checkout, file), program);
    const { NODE_COMPILE_CACHE: _, ...env } = process.env;
    for (const words of [
      ['bin/rackboot.js', 'one', 'two'],
      ['bin/with-node.js', 'tool.ts', 'one', 'two'],
    ]) {
      const old = ['--import', `data:text/javascript,${encodeURIComponent(OLD)}`];
      const said = execFileSync(process.execPath, [...old, ...words], { cwd: checkout, encoding: 'utf8', env });
      assert.equal(said.trim(), `${process.versions.node} one,two`, words[0]);
    }
  } finally {
    rmSync(checkout, { recursive: true });
  }
});

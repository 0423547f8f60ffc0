// Root leaves no files in another user's checkout: the owner could not remove them, and `npm ci` would fail midway.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  globSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { missing } from '../support/needs.ts';

const ROOT = dirname(dirname(import.meta.dirname));
const OWNER = 65534;

/** A checkout that belongs to `owner`, with a program that prints where its cache is. */
function makeCheckout(owner: number): string {
  const checkout = mkdtempSync(join(tmpdir(), 'rackboot-checkout-'));
  cpSync(join(ROOT, 'bin'), join(checkout, 'bin'), { recursive: true });
  mkdirSync(join(checkout, 'src'));
  mkdirSync(join(checkout, 'node_modules'));
  writeFileSync(join(checkout, 'package.json'), '{ "type": "module" }\n');
  writeFileSync(
    join(checkout, 'src', 'main.ts'),
    "import { cachePlace } from '../bin/cache-place.js';\nconsole.log(process.env.NODE_COMPILE_CACHE, cachePlace());\n",
  );
  for (const path of ['', ...globSync('**', { cwd: checkout })]) chownSync(join(checkout, path), owner, owner);
  return checkout;
}

function runIn(checkout: string): string {
  const { NODE_COMPILE_CACHE: _, ...env } = process.env;
  return execFileSync(process.execPath, [join(checkout, 'bin', 'rackboot.js')], { encoding: 'utf8', env }).trim();
}

test("root keeps compiled code and files of the lab outside another user's checkout", {
  skip: missing('linux', 'root'),
}, () => {
  const checkout = makeCheckout(OWNER);
  try {
    assert.equal(runIn(checkout), '/var/cache/rackboot/rackboot /var/cache/rackboot');
    const roots = globSync('**', { cwd: checkout }).filter((path) => lstatSync(join(checkout, path)).uid !== OWNER);
    assert.deepEqual(roots, []);
    assert.ok(existsSync('/var/cache/rackboot/rackboot'), 'the next start is warm');
  } finally {
    rmSync(checkout, { recursive: true });
  }
});

test('the owner of a checkout keeps compiled code next to the packages', () => {
  const checkout = makeCheckout(process.geteuid?.() ?? 0);
  try {
    const own = join(`${checkout}/node_modules`, '.cache');
    assert.equal(runIn(checkout), `${join(own, 'rackboot')} ${own}`);
    assert.ok(existsSync(join(own, 'rackboot')));
  } finally {
    rmSync(checkout, { recursive: true });
  }
});

test("nobody keeps compiled code in the directory of Debian's package", { skip: missing('linux', 'root') }, () => {
  const directory = makeCheckout(0);
  try {
    rmSync(join(directory, 'node_modules'), { recursive: true });
    chmodSync(directory, 0o755);
    assert.equal(runIn(directory), '/var/cache/rackboot/rackboot /var/cache/rackboot');
    const another = execFileSync(process.execPath, [join(directory, 'bin', 'rackboot.js')], {
      encoding: 'utf8',
      uid: OWNER,
      env: { HOME: '/nonexistent' },
    });
    assert.equal(another.trim(), '/nonexistent/.cache/rackboot/rackboot /nonexistent/.cache/rackboot');
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('with only an old Node, the message explains how to replace packages that root installed', () => {
  const old = "Object.defineProperty(process.versions, 'node', { value: '18.20.4' });";
  const checkout = makeCheckout(process.geteuid?.() ?? 0);
  try {
    const words = ['--import', `data:text/javascript,${encodeURIComponent(old)}`, join(checkout, 'bin', 'rackboot.js')];
    const { status, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8' });
    assert.equal(status, 1);
    assert.match(stderr, /this is Node 18\.20\.4; .*npm ci.*EACCES.*sudo rm -rf node_modules && npm ci/);
  } finally {
    rmSync(checkout, { recursive: true });
  }
});

test('no other file names a place among the packages', () => {
  const files = globSync(['bin/*.js', 'src/**/*.ts', 'test/**/*.ts'], { cwd: ROOT });
  const naming = files.filter((file) => /node_modules['/", ]+\.c[a]che/.test(readFileSync(join(ROOT, file), 'utf8')));
  // It removes what it made, and the owner can remove an empty directory.
  assert.deepEqual(naming, ['test/support/typed-source.ts']);
});

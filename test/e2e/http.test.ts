// The boot listener with a real client: curl, over a boot tree on disk.
// @host waits

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import type { ResolveAsset } from '../../src/boot/asset.ts';
import { BootTree } from '../../src/files/file-tree.ts';
import { ipv4, mac } from '../../src/ground/address.ts';
import { systemClock } from '../../src/ground/clock.ts';
import { BootHttpServer } from '../../src/http/server.ts';
import { missing } from '../support/needs.ts';
import { eventually } from '../support/running-rack.ts';

const run = promisify(execFile);
const skip = missing('curl');
const MACHINE = mac(0x525400123456);

let root = '';
let directory = '';
let url = '';
let tree: BootTree;
let server: BootHttpServer;
const content = Buffer.alloc(9_000_001, 'a kernel is larger than a slice. ');

const resolve: ResolveAsset = ({ path }) => {
  const name = path.replace(/^\/+/, '');
  return { kind: 'file', path: name, mac: MACHINE };
};

before(async () => {
  if (skip !== false) return;
  root = mkdtempSync(join(tmpdir(), 'rackboot-http-'));
  directory = join(root, 'boot');
  mkdirSync(join(directory, 'amd64'), { recursive: true });
  writeFileSync(join(directory, 'amd64', 'linux'), content);
  writeFileSync(join(directory, 'grubx64.efi'), 'loader');
  writeFileSync(join(root, 'secret'), 'not for machines');
  symlinkSync(join(root, 'secret'), join(directory, 'leak'));
  tree = await BootTree.open(directory);
  server = new BootHttpServer({ resolve, files: tree, clock: systemClock, publish: () => undefined, rackSecret: 'x' });
  await server.configure({ listen: [{ address: ipv4(0x7f000001), port: 0 }] });
  url = `http://127.0.0.1:${server.listening[0]?.port ?? 0}`;
});
after(async () => {
  if (skip !== false) return;
  await server.close();
  tree.close();
  rmSync(root, { recursive: true, force: true });
});

async function curl(...words: readonly string[]): Promise<string> {
  const { stdout } = await run('curl', ['--silent', '--show-error', '--max-time', '120', ...words], {
    encoding: 'latin1',
    maxBuffer: 1e8,
  });
  return stdout;
}

const sha = (bytes: Uint8Array | string): string =>
  createHash('sha256')
    .update(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
    .digest('hex');

test('a file arrives whole, by HTTP/1.1 and by HTTP/1.0', { skip }, async () => {
  assert.equal(sha(await curl(`${url}/amd64/linux`)), sha(content));
  assert.equal(sha(await curl('--http1.0', `${url}/amd64/linux`)), sha(content));
});

test('a missing Host field is served', { skip }, async () => {
  assert.equal(await curl('--header', 'Host:', `${url}/grubx64.efi`), 'loader');
});

test('no file outside the tree is readable', { skip }, async () => {
  const code = ['--path-as-is', '--output', '/dev/null', '--write-out', '%{http_code}'];
  for (const path of ['/../secret', '/leak', '/amd64/../../secret', '/..%2fsecret', '//etc/passwd', '/amd64', '/.']) {
    assert.equal(await curl(...code, url + path), '404', path);
  }
});

test('forty machines load one file at the same time', { skip }, async () => {
  const expected = sha(content);
  const downloads = Array.from({ length: 40 }, () => curl(`${url}/amd64/linux`).then(sha));
  for (const got of await Promise.all(downloads)) assert.equal(got, expected);
});

test('a file replaced during a download arrives in its old version; a truncated one is not delivered as whole', {
  skip,
}, async () => {
  const path = join(directory, 'changing');
  writeFileSync(path, content);
  const [slow, cut] = [join(root, 'slow'), join(root, 'cut')];
  const begun = (file: string): Promise<true> =>
    eventually(`${file} is being written`, () => existsSync(file) && statSync(file).size > 0);
  const download = curl('--limit-rate', '3M', '--output', slow, `${url}/changing`);
  await begun(slow);
  writeFileSync(`${path}.new`, 'short');
  renameSync(`${path}.new`, path);
  await download;
  assert.equal(sha(readFileSync(slow)), sha(content));
  writeFileSync(path, Buffer.alloc(64_000_000));
  const broken = assert.rejects(
    curl('--limit-rate', '10M', '--output', cut, `${url}/changing`),
    /transfer closed|end of response|Recv failure|reset/i,
  );
  await begun(cut);
  truncateSync(path, 1000);
  await broken;
});

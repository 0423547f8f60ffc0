// `rackboot decode` as a process: text from a file reaches the terminal without control characters, and an endless file is read to a bound.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { packet, pcapng } from '../../capture/frames.ts';
import { runRackboot } from '../../support/running-rack.ts';

const directory = mkdtempSync(join(tmpdir(), 'rackboot-decode-'));
after(() => rmSync(directory, { recursive: true, force: true }));

function fileOf(name: string, bytes: string | Uint8Array): string {
  const path = join(directory, name);
  writeFileSync(path, bytes);
  return path;
}

const REQUEST = Buffer.from('\0\x01lpxelinux.0\0octet\0', 'latin1');
const PACKET = packet('10.20.0.100', 2070, '10.20.0.1', 69, REQUEST);

test('names of interfaces and comments reach the terminal without control characters', async () => {
  const files = [
    fileOf('named.pcapng', pcapng(101, [{ ticks: 0n, bytes: PACKET }], { name: 'e\u001b]0;owned\u0007\n#9 fake' })),
    fileOf('comment.txt', `# ${'x'.repeat(600)}\n00\n\n# \u001b[31mred\n${REQUEST.toString('hex')}\n`),
  ];
  const { code, output } = await runRackboot(['decode', ...files]);
  assert.equal(code, 0);
  assert.match(output.join('\n'), /e\\x1b\]0;owned\\x07\\x0a#9 fake/);
  assert.match(output.join('\n'), /\\x1b\[31mred/);
  assert.doesNotMatch(output.join(''), /\p{Cc}/u);
});

test('JSON of several files is one list', async () => {
  const one = fileOf('one.pcapng', pcapng(101, [{ ticks: 0n, bytes: PACKET }]));
  const none = fileOf('none.pcapng', pcapng(101, []));
  const { output } = await runRackboot(['decode', '--json', one, none]);
  const list: unknown = JSON.parse(output.join('\n'));
  assert.ok(Array.isArray(list));
  assert.deepEqual(
    list.map(({ file, datagrams, others }) => [file, datagrams.length, others]),
    [
      [one, 1, {}],
      [none, 0, {}],
    ],
  );
});

test('an endless file is read up to the bound', async () => {
  const { code, complaints } = await runRackboot(['decode', '/dev/zero']);
  assert.equal(code, 2);
  assert.match(complaints.join('\n'), /\/dev\/zero is larger than \d+ bytes/);
});

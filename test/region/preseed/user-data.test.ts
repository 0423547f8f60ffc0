// The types of user data.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { judgeUserData, USER_DATA_BYTES_MAX } from '../../../src/region/preseed/user-data.ts';

const MESSAGE = 'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="b"\n\n--b\n\n#!/bin/sh\n--b--\n';
const TABLE: readonly (readonly [string, string | Uint8Array, string | undefined])[] = [
  ['nothing', '', ''],
  ['a cloud-config', '#cloud-config\na: b\n', 'text/cloud-config'],
  ['an archive of them', '#cloud-config-archive\n- a\n', 'text/cloud-config-archive'],
  ['a script', '#!/bin/sh\n', 'text/x-shellscript'],
  ['a boothook', '#cloud-boothook\n', 'text/cloud-boothook'],
  ['an address', '#include\nhttp://a/\n', 'text/x-include-url'],
  ['one that is asked once', '#include-once\nhttp://a/\n', 'text/x-include-once-url'],
  ['a jinja template', '## template: jinja\n#cloud-config\n', 'text/jinja2'],
  ['blank lines before it', '\n\n#cloud-config\n', 'text/cloud-config'],
  ['gzip', gzipSync('#cloud-config\n'), 'application/gzip'],
  ['a MIME message', MESSAGE, 'multipart'],
  [
    'a message whose type is in a later line',
    'Subject: a\n b\nMIME-Version: 1.0\ncontent-type: Multipart/mixed\n\n',
    'multipart',
  ],
  ['YAML without its first line', 'packages: [a]\n', undefined],
  ['a message of one part', 'Content-Type: text/plain\n\nmultipart/mixed', undefined],
  ['bytes', new Uint8Array([1, 2, 3]), undefined],
  ['too much', `#!${'x'.repeat(USER_DATA_BYTES_MAX)}`, undefined],
];
const bytesOf = (data: string | Uint8Array): Uint8Array => (typeof data === 'string' ? Buffer.from(data) : data);

for (const [name, data, type] of TABLE) {
  test(`${name}: ${type ?? 'refused'}`, () => {
    const judged = judgeUserData(bytesOf(data));
    assert.equal(judged.ok ? judged.type : undefined, type);
    if (!judged.ok) assert.match(judged.refusal.text, /cloud-init would ignore|the maximum/);
  });
}

const CLOUD_CONFIGS: readonly (readonly [name: string, text: string, line: number | undefined])[] = [
  ['no setting', '#cloud-config\n', undefined],
  ['comments only', '#cloud-config\n# nothing yet\n---\n', undefined],
  ['a key twice, of which cloud-init takes the last', '#cloud-config\na: 1\na: 2\n', undefined],
  ['anchors and aliases', '#cloud-config\na: &x [1]\nb: *x\nc: {<<: &m {d: 1}}\ne: *m\n', undefined],
  ['a script in a block', '#cloud-config\nruncmd:\n  - |\n    a: [b\n    \t}\n', undefined],
  ['Windows line ends', '#cloud-config\r\na:\r\n  - b\r\n', undefined],
  ['a list that is not closed', '#cloud-config\npackages: [a, b\nruncmd: [c]\n', 3],
  ['a text that is not closed', '#cloud-config\nhostname: "a\n', 3],
  ['a tab as indentation', '#cloud-config\nusers:\n\t- name: a\n', 3],
  ['a wrong indentation', '#cloud-config\nusers:\n  - name: a\n   sudo: b\n', 4],
  ['a value in a value', '#cloud-config\na: b: c\n', 2],
  ['two documents', '#cloud-config\na: b\n---\nc: d\n', 3],
  ['a list', '#cloud-config\n- a\n', 2],
  ['words', '#cloud-config\nhello there\n', 2],
  ['an alias without its anchor', '#cloud-config\na: 1\nb: *x\n', 3],
  ['lists in each other', `#cloud-config\na: ${'['.repeat(50)}${']'.repeat(50)}\n`, undefined],
  ['too many lists in each other', `#cloud-config\na: 1\nb: ${'['.repeat(200)}${']'.repeat(200)}\n`, 3],
  ['as many lists as it can hold', `#cloud-config\na: ${'['.repeat(32_000)}`, 2],
  ['an error for each byte', `#cloud-config\na: [${','.repeat(4000)}`, 2],
  ['more tokens than are judged', `#cloud-config\na: [${','.repeat(32_000)}`, undefined],
];
for (const [name, text, line] of CLOUD_CONFIGS) {
  test(`a cloud-config with ${name}: ${line === undefined ? 'taken' : `refused, line ${line}`}`, () => {
    const judged = judgeUserData(Buffer.from(text));
    if (judged.ok) assert.equal(line, undefined);
    else {
      assert.match(judged.refusal.text, new RegExp(`not valid YAML in line ${line}: `));
      assert.doesNotMatch(judged.refusal.text, /call stack/);
    }
  });
}

test('broken YAML behind another first line is not Rackboot’s to judge', () => {
  for (const start of ['#!/bin/sh', '## template: jinja\n#cloud-config', '#cloud-config-archive', '#cloud-boothook']) {
    assert.ok(judgeUserData(Buffer.from(`${start}\na: [\n`)).ok, start);
  }
  assert.ok(judgeUserData(gzipSync('#cloud-config\na: [\n')).ok);
});

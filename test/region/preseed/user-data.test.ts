// The types of user data.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { judgeUserData, USER_DATA_BYTES_MAX } from '../../../src/region/preseed/user-data.ts';
import { sentenceOf } from '../../../src/region/words/refusal.ts';

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
    if (!judged.ok) assert.match(sentenceOf(judged.refusal), /cloud-init would ignore|the maximum/);
  });
}

// User data: what is taken for what, and how the owner's go along with ours.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { combineUserData, judgeUserData, USER_DATA_BYTES_MAX } from '../../../src/region/preseed/user-data.ts';

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
    if (!judged.ok) assert.match(judged.reason, /cloud-init passes over|the most/);
  });
}

const VENDOR = '#cloud-config\nhostname: calm-ibis\n';

/** The parts of a message of ours: type and content. */
function partsOf(message: Uint8Array): readonly (readonly [string, string])[] {
  const text = Buffer.from(message).toString('latin1');
  const boundary = /boundary="([^"]+)"/.exec(text)?.[1] ?? assert.fail('no boundary');
  const pieces = text.split(`--${boundary}`).slice(1, -1);
  assert.ok(text.endsWith(`--${boundary}--\r\n`));
  return pieces.map((piece) => {
    const [head = '', ...body] = piece.trimStart().split(/\r?\n\r?\n/);
    const type = /content-type: ([^;\r\n]+)/i.exec(head)?.[1] ?? '';
    const content = body.join('\n\n');
    return [type, /base64/.test(head) ? Buffer.from(content, 'base64').toString('utf8') : content];
  });
}

test('where one side has nothing, the other is given as it is', () => {
  assert.equal(Buffer.from(combineUserData(VENDOR, new Uint8Array())).toString(), VENDOR);
  assert.equal(Buffer.from(combineUserData('', Buffer.from('#!/bin/sh\n'))).toString(), '#!/bin/sh\n');
});

test("the owner's part comes last, byte for byte", () => {
  const script = `#!/bin/sh\necho 'ü' "$x" \\\n${'long '.repeat(100)}\n`;
  assert.deepEqual(partsOf(combineUserData(VENDOR, Buffer.from(script))), [
    ['text/cloud-config', VENDOR],
    ['text/x-shellscript', script],
  ]);
});

test("the owner's message is a part of ours, with its own parts", () => {
  const [ours, theirs] = partsOf(combineUserData(VENDOR, Buffer.from(MESSAGE)));
  assert.deepEqual(ours, ['text/cloud-config', VENDOR]);
  assert.equal(theirs?.[0], 'multipart/mixed');
  assert.match(theirs?.[1] ?? '', /--b\n\n#!\/bin\/sh\n--b--/);
});

test('the same parts make the same message, others another boundary', () => {
  const [one, same, other] = ['#!a', '#!a', '#!b'].map((user) =>
    Buffer.from(combineUserData(VENDOR, Buffer.from(user))).toString(),
  );
  assert.equal(one, same);
  assert.notEqual(/boundary="(.+)"/.exec(one ?? '')?.[1], /boundary="(.+)"/.exec(other ?? '')?.[1]);
});

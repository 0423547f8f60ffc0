// The ground of every document of another site: text, JSON, paths and faults.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isContainedPath } from '../../../src/images/sources/contained-path.ts';
import { describeDocumentFault, documentFault, memberPath } from '../../../src/images/sources/document-fault.ts';
import { decodeJson, decodeText } from '../../../src/images/sources/stream-text.ts';

const BASE = 'https://site.example/a/b/';

describe('a path', () => {
  const contained = [
    'a',
    'a/b.img',
    'streams/v1/com.ubuntu.maas:stable:v3:download.sjson',
    'a..b/...',
    '.disk/info',
    'x~1+2@3,4=5(6)',
  ];
  for (const path of contained)
    it(`${path} is contained, even as a part of a URL`, () => {
      assert.ok(isContainedPath(path));
      assert.equal(new URL(path, BASE).href, `${BASE}${path}`);
    });

  const others = [
    '',
    '/',
    '/a',
    'a/',
    'a//b',
    '.',
    '..',
    'a/./b',
    'a/../b',
    '../a',
    'http:a',
    'file:///a',
    'com.x:y',
    '%2e%2e/a',
    'a%2fb',
  ];
  for (const path of [...others, 'a\\b', 'a\0', 'a\n', 'a b', 'a?b', 'a#b', 'ä', '\u202e', 'a'.repeat(1025)])
    it(`${JSON.stringify(path.slice(0, 20))} is not contained`, () => assert.equal(isContainedPath(path), false));

  it('that is contained stays below its site, whatever it is', () => {
    const piece = fc.constantFrom('.', '..', '/', '\\', ':', '%2e', '%2F', 'a', 'http:', '?', '#', '@', '\t', ' ');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const path = pieces.join('');
        if (isContainedPath(path)) assert.ok(new URL(path, BASE).href.startsWith(BASE), path);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('JSON', () => {
  const bounds = { valuesMax: 10, depthMax: 3 };
  const rows: readonly (readonly [text: string, code: string])[] = [
    ['[1,2,3]', 'value'],
    ['{"a":"[[[[[[,,,,,,,,,,,,"}', 'value'],
    [String.raw`{"a":"\"[[[[\\"}`, 'value'],
    ['[[[]]]', 'value'],
    ['[[[[]]]]', 'too-deep'],
    [`[${'1,'.repeat(9)}1]`, 'value'],
    [`[${'1,'.repeat(10)}1]`, 'too-large'],
    ['"never ends', 'not-readable'],
    ['"\\', 'not-readable'],
    ['', 'not-readable'],
  ];
  for (const [text, code] of rows)
    it(`${text.slice(0, 30)} gives ${code}`, () => {
      const decoded = decodeJson(text, bounds);
      assert.equal(decoded.ok ? 'value' : decoded.fault.code, code);
    });
});

describe('a text', () => {
  it('is UTF-8, within its bound, without a byte order mark', () => {
    const decode = (bytes: readonly number[], max = 10) => decodeText(new Uint8Array(bytes), max);
    assert.deepEqual(decode([0xef, 0xbb, 0xbf, 0x61]), { ok: true, value: 'a' });
    assert.equal(decode([0xc3]).ok, false);
    assert.equal(decode([0x61, 0x61], 1).ok, false);
  });
});

describe('a fault', () => {
  it('names the place, the expected and the found, clean and short', () => {
    const fault = documentFault('bad-value', memberPath('a', 'b c'), 'a number', 'x\u001b'.repeat(100));
    assert.ok(!fault.ok);
    assert.match(describeDocumentFault(fault.fault), /^a\."b c": expected a number, found "x\\+x1b/);
    assert.ok(describeDocumentFault(fault.fault).length < 200);
  });

  const rows: readonly (readonly [value: unknown, found: string])[] = [
    [undefined, 'nothing'],
    [null, 'null'],
    [[], 'a list'],
    [{}, 'an object'],
    [7, '7'],
    [true, 'true'],
    ['a', '"a"'],
  ];
  for (const [value, found] of rows)
    it(`describes ${found}`, () => {
      const fault = documentFault('wrong-type', '', 'x', value);
      assert.equal(fault.ok ? '' : describeDocumentFault(fault.fault), `expected x, found ${found}`);
    });
});

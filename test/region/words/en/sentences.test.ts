// A sentence begins with a capital letter, but a name stays as it is written.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asSentence } from '../../../../src/region/words/text.ts';

test('a sentence begins with a capital letter, unless it begins with a key, an interface, a file or an address', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['it was switched off', 'It was switched off'],
    ["rack's clock is wrong", "Rack's clock is wrong"],
    ['stopped. Its disk is full', 'Stopped. Its disk is full'],
    ['done', 'Done'],
    ['lo is served', 'lo is served'],
    ['eth1 is served', 'eth1 is served'],
    ['dns.upstream is empty', 'dns.upstream is empty'],
    ['/etc/hosts is missing', '/etc/hosts is missing'],
    ['10.20.0.1 answers', '10.20.0.1 answers'],
  ];
  for (const [text, expected] of cases) assert.equal(asSentence(text), expected, text);
});

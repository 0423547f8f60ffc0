// The XML of a machine's hardware. Source: XML 1.0 §2.2, which names the characters of a document.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hardwareXml } from '../../../src/region/records/lshw.ts';

test('every character that XML allows is kept, those beyond U+FFFF too; any other becomes a space', () => {
  const written = (text: string): string => hardwareXml({ name: 'product', attributes: {}, text, children: [] });
  for (const [text, expected] of [
    ['a ≤ é 𝒳 😀', 'a ≤ é 𝒳 😀'],
    ['a\u{fffe}b\0c\ud800d', 'a b c d'],
    ['<&>"', '&lt;&amp;&gt;&quot;'],
  ] as const)
    assert.match(written(text), new RegExp(`<product>${expected}</product>`, 'u'), text);
});

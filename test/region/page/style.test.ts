// The colours of the page: text and links are readable on every background, in the light and the dark scheme.
//
// Source: WCAG 2.2, 1.4.3 (contrast of text, 4.5) and its definition of relative luminance.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PAGE_STYLE } from '../../../src/region/page/frame/assets.ts';

const CONTRAST_MIN = 4.5;

const GROUNDS = ['ground', 'sheet'];
/** Each colour of text, and the backgrounds on which it stands. */
const TEXTS_ON_GROUNDS: readonly (readonly [text: string, grounds: readonly string[]])[] = [
  ['ink', [...GROUNDS, 'field']],
  ['soft', GROUNDS],
  ['accent', [...GROUNDS, 'amber-ground', 'red-ground']],
  ['red', [...GROUNDS, 'red-ground']],
  ...['blue', 'green', 'amber', 'grey', 'violet'].map((name) => [name, [`${name}-ground`]] as const),
  ['on-accent', ['accent']],
  ['on-danger', ['danger']],
];

/** The colours of the light and of the dark scheme, by name. */
function colourSchemes(): readonly ReadonlyMap<string, string>[] {
  const [day = '', night = ''] = PAGE_STYLE.text().split('@media (prefers-color-scheme: dark)');
  return [day, night.slice(0, night.indexOf('\n* '))].map(
    (scheme) =>
      new Map(
        [...scheme.matchAll(/--([\w-]{1,40}): (#[0-9a-f]{6})/g)].map(([, name = '', colour = '']) => [name, colour]),
      ),
  );
}

function luminance(colour: string) {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** 1 to 21. @param one such as `#0b66c3` */
function contrast(one: string, other: string): number {
  const [light = 0, dark = 0] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

const [day, night] = colourSchemes();

for (const [when, scheme] of [
  ['in the light scheme', day],
  ['in the dark scheme', night],
] as const) {
  test(`${when} every text has a contrast of at least ${CONTRAST_MIN} to each of its backgrounds`, () => {
    const colour = (name: string) => scheme?.get(name) ?? assert.fail(`no colour ${name} ${when}`);
    for (const [text, grounds] of TEXTS_ON_GROUNDS) {
      for (const ground of grounds) {
        const found = contrast(colour(text), colour(ground));
        assert.ok(found >= CONTRAST_MIN, `${text} on ${ground}: ${found.toFixed(2)}`);
      }
    }
  });
}

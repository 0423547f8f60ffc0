// The colours of the page: text and links are readable on every background, in the light and the dark scheme.
//
// Source: WCAG 2.2, 1.4.3 (contrast of text, 4.5) and its definition of relative luminance.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { colourSchemes, contrast, TEXTS_ON_GROUNDS } from '../../../src/region/page/design-page.ts';

const CONTRAST_MIN = 4.5;

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

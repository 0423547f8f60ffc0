// Arbitrary text for property tests.

import fc from 'fast-check';

const ASCII_END = 0x80;
const SURROGATES_FROM = 0xd800;
const SURROGATES = 0x800;
const CODE_POINTS = 0x110000;

const ascii = fc.integer({ min: 0, max: ASCII_END - 1 });
const unicode = fc
  .integer({ min: 0, max: CODE_POINTS - SURROGATES - 1 })
  .map((index) => (index < SURROGATES_FROM ? index : index + SURROGATES));

/**
 * Any code point but half a pair of surrogates; every second one is ASCII. As a unit of `fc.string`: to prepare the unit `binary`, fast-check
 * takes more than a second in each process.
 */
export const codePoint: fc.Arbitrary<string> = fc.oneof(ascii, unicode).map((point) => String.fromCodePoint(point));

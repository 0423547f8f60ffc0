// The parts of documents that are made from the code are those of the code.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MADE_PARTS, withMadeParts } from './made-parts.ts';
import { readDocument } from './markdown.ts';

for (const path of Object.keys(MADE_PARTS))
  test(`${path} is up to date; npm run docs writes it`, () => {
    assert.equal(readDocument(path), withMadeParts(path), 'run npm run docs');
  });

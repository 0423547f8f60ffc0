// The pages against the table of operations, which check the rights of every form.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OPERATIONS } from '../../../src/region/api/operations.ts';
import { PAGES } from '../../../src/region/page/routes.ts';

test('every form of every page names operations of the table', () => {
  const known = new Set(
    OPERATIONS.filter(({ versions }) => versions.includes('2.0')).map(({ method, path, op }) =>
      [method, path, ...(op === undefined ? [] : [op])].join(' '),
    ),
  );
  for (const { path, act, operations } of PAGES) {
    assert.equal(act === undefined, operations === undefined, `${path} has both a form and its operations, or neither`);
    for (const operation of operations ?? []) assert.ok(known.has(operation), `${path}: ${operation}`);
  }
});

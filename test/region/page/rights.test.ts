// The pages against the table of operations: every form accepts and refuses what its operation accepts and refuses, from an administrator,
// from the machine's owner, and from another user. The long suite has further states of the machine.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OPERATIONS } from '../../../src/region/api/operations.ts';
import { PAGES } from '../../../src/region/page/pages.ts';
import type { WantedOperation } from '../../../src/region/page/view.ts';
import { CASES, compareRights, MACHINES } from './compared-rights.ts';

const nameOf = ({ method, path, op }: WantedOperation): string =>
  `${method} ${path}${op === undefined ? '' : ` ${op}`}`;

test('every form of every page names operations of the table', () => {
  const known = new Set(OPERATIONS.filter(({ versions }) => versions.includes('2.0')).map(nameOf));
  for (const { path, act, operations } of PAGES) {
    assert.equal(act === undefined, operations === undefined, `${path} has both a form and its operations, or neither`);
    for (const operation of operations ?? []) assert.ok(known.has(nameOf(operation)), `${path}: ${nameOf(operation)}`);
  }
});

test('the cases below compare every operation of every page', () => {
  const pattern = (path: string): RegExp =>
    new RegExp(`^${path.replaceAll(/\{\w+\}|:\w+/g, '[^/]+').replace(/\/?$/, '/?')}$`);
  for (const page of PAGES) {
    for (const wanted of page.operations ?? []) {
      const isCompared = CASES.some(
        ({ page: url, method, path, op }) =>
          pattern(page.path).test(`/MAAS/${url}`) &&
          pattern(wanted.path).test(path) &&
          wanted.method === method &&
          wanted.op === op,
      );
      assert.ok(isCompared, `${page.path}: ${nameOf(wanted)}`);
    }
  }
});

for (const machine of MACHINES) if (machine.isRare !== true) compareRights(machine);

// The rights to the operations on a machine's interfaces, disks and the names and devices of a site: each is called by every kind of caller.
//
// 1. An operation may refuse the request for what it says (400, 404, 409), but never for who sends it if the table allows that caller.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OPERATIONS } from '../../../src/region/api/operations.ts';
import { CALLERS, type CallerName, withCallers } from './callers-place.ts';

const PATHS =
  /^domains|^dnsresource|^(?:nodes|machines)\/\{system_id\}\/(?:interfaces|blockdevices|raids?|volume-groups)/;

const ALLOWED: Readonly<Record<string, readonly CallerName[]>> = {
  anyone: CALLERS,
  user: ['alice', 'bob', 'root'],
  machine: ['alice', 'bob', 'root', 'machine'],
  admin: ['root'],
};

test('every caller may call exactly the operations that the table grants it', () =>
  withCallers(async ({ ask, systemId }) => {
    const judged = OPERATIONS.filter(({ path, versions }) => versions.includes('2.0') && PATHS.test(path));
    assert.ok(judged.length > 6);
    for (const { method, path, op, access } of judged) {
      const place = path.replace('{system_id}', systemId).replace(/\{\w+\}/g, '1');
      const url = `${place}/${op === undefined ? '' : `?op=${op}`}`;
      const got: CallerName[] = [];
      for (const caller of CALLERS) {
        const { status, refusal } = await ask(caller, method, url);
        // A machine learns nothing of operations on other paths, not even whether they exist.
        const isRefused = status === 401 || status === 403 || (caller === 'machine' && refusal === 'not-found');
        if (!isRefused) got.push(caller);
      }
      assert.deepEqual(got, ALLOWED[access], `${method} ${url}`);
    }
  }));

// A machine's key gives access to that machine alone, whatever an operation that machines may call does with its path.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { json } from '../../../src/region/api/call/answer.ts';
import type { Peer } from '../../../src/region/api/call/caller.ts';
import { type ApiCall, defineOperation } from '../../../src/region/api/call/operation.ts';
import { OPERATIONS, runOperation } from '../../../src/region/api/operations.ts';
import { makeRegion } from '../place.ts';

const PEER: Peer = {
  address: '10.20.0.5',
  share: '10.20.0.5',
  isByRack: false,
  ipv4: undefined,
  isManaged: true,
  isOperator: false,
};

const NEW_ONE = defineOperation({
  versions: ['2.0'],
  path: 'machines/{system_id}',
  method: 'GET',
  op: 'new',
  handler: 'MachineHandler',
  access: 'machine',
  answers: 'string',
  doc: 'Tells.',
  parameters: z.object({}),
  run: () => json('told'),
});

for (const operation of [NEW_ONE, ...OPERATIONS.filter(({ access }) => access === 'machine')]) {
  const { method, op, path } = operation;
  test(`${method} ${path} ${op ?? ''} by a machine's key is for that machine alone`, async (t) => {
    const { region, remove } = await makeRegion();
    t.after(remove);
    for (const path of [{ system_id: 'bbbbbb' }, { system_id: '' }, {}]) {
      const caller = { kind: 'machine', systemId: 'aaaaaa' } as const;
      const call: ApiCall = { region, version: '2.0', path, caller, peer: PEER, query: new Map() };
      const fields = op === undefined ? new Map() : new Map([['op', [op]]]);
      const answer = await runOperation([operation], method, call, fields);
      assert.equal(answer.kind === 'refusal' && answer.name, 'not-found', JSON.stringify(path));
    }
  });
}

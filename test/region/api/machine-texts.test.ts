// The kept texts of machines: when they are used, their bound, and that a list of them is what a machine alone shows.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { createApiKey } from '../../../src/region/accounts/accounts.ts';
import { KEPT_MS, MachineTexts, TEXTS_BYTES_MAX } from '../../../src/region/api/json/machine-texts.ts';
import { buildApp, makeContext } from '../../../src/region/http/server.ts';
import { readPlacement } from '../../../src/region/life/machine-placement.ts';
import type { MachineFields } from '../../../src/region/records/machine.ts';
import { EVENT } from '../../contract/machines.ts';
import { fillRegion } from '../../contract/region-operations.ts';
import { authorizationOf } from '../../support/oauth.ts';
import { addAdmin } from '../accounts/administrator.ts';
import { makeRegion } from '../place.ts';
import { acceptRack, rackInterface } from '../racks/rack-place.ts';

test('a text is used with its stamp and its racks alone, up to a bound of bytes, until nobody has used it for a while', async () => {
  const { region, store, clock, remove } = await makeRegion({ newMachinesMax: 100 });
  try {
    await fillRegion(store, 8);
    const machines = await store.listMachines({}, 0, 8);
    const where = readPlacement(region);
    const [first] = machines;
    assert.ok(first !== undefined);
    const size = new MachineTexts(clock).make(first, 's', where, 'b').text.length;
    assert.ok(TEXTS_BYTES_MAX > 20 * size);
    // Room for four of them.
    const texts = new MachineTexts(clock, 5 * size);
    for (const machine of machines) texts.make(machine, 's', where, 'b');
    const kept = () => machines.filter(({ id }) => texts.find(id, 's', 'b') !== undefined).length;
    const count = kept();
    assert.ok(count >= 3 && count < machines.length, 'the later ones displace none');
    assert.ok(texts.find(first.id, 's', 'b') !== undefined);
    assert.equal(texts.find(first.id, 't', 'b'), undefined);
    assert.equal(texts.find(first.id, 's', 'c'), undefined);
    texts.make(first, 't', where, 'b');
    assert.equal(texts.find(first.id, 's', 'b'), undefined);
    assert.ok(texts.find(first.id, 't', 'b') !== undefined);
    await clock.pass(2 * KEPT_MS + 1);
    assert.deepEqual([kept(), texts.find(first.id, 't', 'b')], [0, undefined]);
  } finally {
    await remove();
  }
});

test('a list shows each machine as it is shown alone: after changes of it, of the racks and of the time', async () => {
  const { region, store, clock, remove } = await makeRegion({ newMachinesMax: 100 });
  const app = buildApp(makeContext(region));
  try {
    await fillRegion(store, 60);
    await addAdmin(store, clock, { username: 'admin', email: '', password: 'long enough' });
    const authorization = authorizationOf(await createApiKey(store, clock, 'admin'));
    const get = async (path: string): Promise<unknown> => {
      const url = `/MAAS/api/2.0/${path}`;
      const { body } = await app.inject({ url, headers: { host: 'r', authorization } });
      assert.equal(body, JSON.stringify(JSON.parse(body), null, 4));
      const short = await app.inject({ url, headers: { host: 'r', authorization, accept: 'application/json' } });
      assert.equal(short.body, JSON.stringify(JSON.parse(body)));
      return JSON.parse(body);
    };
    const shape = z.array(z.looseObject({ system_id: z.string(), work_age: z.number().nullable() }));
    const change = (fields: Partial<MachineFields>) =>
      store.changeMachine<never>('m00000', clock.wallTimeMs(), () => ({ kind: 'change', fields, events: [] }));
    const rename = async (name: string) => {
      const machines = z.array(
        z.looseObject({ boot_interface: z.looseObject({ vlan: z.looseObject({ id: z.number() }) }) }),
      );
      const [first] = machines.parse(await get('machines/'));
      const url = `/MAAS/api/2.0/vlans/${first?.boot_interface.vlan.id}/`;
      const { statusCode, body } = await app.inject({
        method: 'PUT',
        url,
        payload: { name },
        headers: { host: 'r', authorization },
      });
      assert.equal(statusCode, 200, body);
      assert.match(JSON.stringify(await get('machines/')), new RegExp(name));
    };
    const work = {
      stage: 'writing',
      waitsForBoot: false,
      attempts: 0,
      before: 'ready' as const,
      reportedMs: clock.wallTimeMs(),
    };
    const steps: readonly (() => Promise<unknown>)[] = [
      async () => undefined,
      () => change({ description: 'x' }),
      () => change({ status: 'deploying', work }),
      () => clock.pass(90_000),
      () => acceptRack(region, { interfaces: [rackInterface('10.20.0.0/16')] }),
      () => rename('another-name'),
      () => store.removeMachine('m00001', EVENT),
    ];
    for (const step of steps) {
      await step();
      for (let round = 0; round < 2; round += 1) {
        const list = shape.parse(await get('machines/'));
        assert.equal(list.length, await store.countMachines({}));
        for (const shown of [...list.slice(0, 2), ...list.slice(-1)])
          assert.deepEqual(shown, await get(`machines/${shown.system_id}/`));
      }
    }
  } finally {
    await app.close();
    await remove();
  }
});

// Changes a subnet, a VLAN, a range and a route by the API, and is killed within the change: after its rows were written, before the
// transaction ends. Arguments: the path of the request, its fields as JSON, and where the store is.

import { openPostgresRegion } from '../../../src/store/postgres/region-postgres.ts';
import { openRegionStore } from '../../../src/store/sqlite/region-sqlite.ts';
import { withNetworks } from './network-place.ts';

const [, , path = '', fields = '{}', place = ''] = process.argv;

const store = place.startsWith('postgres')
  ? await openPostgresRegion({ url: place, pool: 2 })
  : openRegionStore({ stateDir: place });
await withNetworks(
  async (ask) => {
    const { networks } = store;
    const change = networks.change.bind(networks);
    Object.assign(networks, {
      change: async (decide: Parameters<typeof networks.change<unknown>>[0]) => {
        const outcome = await change(decide);
        if (Object.hasOwn(Object(outcome), 'change')) process.kill(process.pid, 'SIGKILL');
        return outcome;
      },
    });
    const answer = await ask('PUT', path, JSON.parse(fields));
    process.stderr.write(`it was not killed: ${answer.status} ${answer.text}\n`);
  },
  undefined,
  {},
  store,
);

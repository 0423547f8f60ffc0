// Changes a subnet, a VLAN, a range and a route by the API, and is killed within the change: after its objects and its settings were written,
// before the transaction ends. Arguments: the path of the request, its fields as JSON, and where the store is.

import { openPostgresRegion } from '../../../src/store/postgres/region-postgres.ts';
import { openRegionStore } from '../../../src/store/sqlite/region-sqlite.ts';
import { withNetworks } from './network-place.ts';

const [, , path = '', fields = '{}', place = ''] = process.argv;

const store = place.startsWith('postgres')
  ? await openPostgresRegion({ url: place, pool: 2 })
  : openRegionStore({ stateDir: place });
await withNetworks(
  async (ask) => {
    const changeSettings = store.changeSettings.bind(store);
    Object.assign(store, {
      changeSettings: async (...given: Parameters<typeof changeSettings>) => {
        const outcome = await changeSettings(...given);
        if (outcome.kind === 'changed') process.kill(process.pid, 'SIGKILL');
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

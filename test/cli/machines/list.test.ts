// The columns of `rackboot machines list`.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { columnsFor } from '../../../src/cli/machines/list.ts';
import { machineShape } from '../../../src/cli/shapes.ts';

const MACHINE = machineShape.parse({
  ...{ system_id: 'abcdef', hostname: 'calm-ibis', fqdn: 'calm-ibis.maas', status_name: 'Ready', architecture: null },
  ...{ cpu_count: 1, memory: 1, interface_set: [], physicalblockdevice_set: [], hardware_info: null },
  ip_addresses: ['10.20.0.10', '10.20.0.100'],
  allocated_ip_addresses: ['10.20.0.10'],
});

test('the list shows that a machine waits for a person to switch it on', () => {
  const cell = (message: string): string | undefined => {
    const machine = machineShape.parse({ ...MACHINE, status_message: message });
    return columnsFor([machine])
      .find(({ title }) => title === 'STATUS')
      ?.text(machine);
  };
  assert.equal(cell('waiting to be switched on'), 'Ready, waiting to be switched on');
  assert.equal(cell('it has started'), 'Ready');
});

test('the list has a column OWNER if a machine has an owner, and RACK if there are several racks', () => {
  const like = (more: object) => machineShape.parse({ ...MACHINE, ...more });
  const titles = (...machines: readonly object[]): string =>
    columnsFor(machines.map(like))
      .map(({ title }) => title)
      .filter((title) => title === 'OWNER' || title === 'RACK')
      .join(' ');
  const [here, there] = [{ rack_names: ['rack-1'] }, { rack_names: ['rack-2'] }];
  assert.equal(titles(), '');
  assert.equal(titles({}), '', 'an older region sends no racks');
  assert.equal(titles(here, here), '');
  assert.equal(titles(here, there), 'RACK');
  assert.equal(titles({ ...here, owner: 'alice' }, there), 'OWNER RACK');
  assert.equal(titles({ owner: null }, { owner: 'alice' }), 'OWNER');
  const machine = like({ rack_names: ['rack-1', 'rack-2'], owner: 'alice' });
  const cells = columnsFor([machine]).map(({ text }) => text(machine));
  assert.ok(cells.includes('alice') && cells.includes('rack-1 rack-2'), cells.join('|'));
});

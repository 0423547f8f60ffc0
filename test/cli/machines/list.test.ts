// The columns of `rackboot machines list`.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { columnsFor, showMachine } from '../../../src/cli/machines/list.ts';
import { progressText } from '../../../src/cli/machines/progress.ts';
import { machineShape } from '../../../src/cli/terminal/shapes.ts';
import { answerControl } from '../../support/control-answers.ts';
import { printedBy } from '../../support/printed.ts';

const MACHINE = machineShape.parse({
  system_id: 'abcdef',
  hostname: 'calm-ibis',
  fqdn: 'calm-ibis.maas',
  status_name: 'Ready',
  architecture: null,
  cpu_count: 1,
  memory: 1,
  interface_set: [],
  physicalblockdevice_set: [],
  hardware_info: null,
  ip_addresses: ['10.20.0.10', '10.20.0.100'],
  allocated_ip_addresses: ['10.20.0.10'],
});

test('a machine is shown with its IP and its hardware addresses, named apart', async (t) => {
  const evidence = [
    { kind: 'mac', value: '52:54:00:00:00:01', is_shared: false, is_portable: false, is_vouched: false },
  ];
  const { config } = await answerControl(t, {
    '/MAAS/api/2.0/machines/': [MACHINE],
    '/MAAS/api/2.0/machines/abcdef/?op=identity': {
      evidence,
      conflicts: [],
      home: [],
      is_vouched: true,
      power_is_proposed: false,
    },
  });
  const { text } = await printedBy(() => showMachine({ config: config, machine: 'calm-ibis', json: false }));
  assert.match(text, /^IP addresses +10\.20\.0\.10, 10\.20\.0\.100$/m);
  assert.match(text, /^Hardware address +52:54:00:00:00:01/m);
});

const IDENTITY = { evidence: [], conflicts: [], home: [], is_vouched: true, power_is_proposed: false };

test('a locked machine is shown with its lock, who locked it and why, and with a zone and a pool that are not the default', async (t) => {
  const event = (command: string, comment?: string) => ({
    username: 'ann',
    code: 'command',
    params: { command, ...(comment === undefined ? {} : { comment }) },
  });
  const events = '/MAAS/api/2.0/events/?op=query&level=AUDIT&id=abcdef&limit=1000';
  const shown = async (machine: object, ...log: readonly object[]): Promise<string> => {
    const { config } = await answerControl(t, {
      '/MAAS/api/2.0/machines/': [{ ...MACHINE, ...machine }],
      '/MAAS/api/2.0/machines/abcdef/?op=identity': IDENTITY,
      [events]: { events: log },
    });
    return (await printedBy(() => showMachine({ config: config, machine: 'calm-ibis', json: false }))).text;
  };
  const away = { zone: { name: 'hall-2' }, pool: { name: 'dev' } };
  const locked = await shown(
    { locked: true, ...away },
    { username: 'bob', code: 'owner-data-changed', params: { keys: [] } },
    event('lock', 'in use'),
    event('unlock'),
    event('lock', 'older'),
  );
  assert.match(locked, /^Status +Ready \(locked\)$/m);
  assert.match(locked, /^Lock +by ann \(in use\); `rackboot machines unlock calm-ibis` unlocks it$/m);
  assert.match(locked, /^Zone +hall-2\nPool +dev$/m);
  assert.match(
    await shown({ locked: true }),
    /^Lock +`rackboot machines unlock calm-ibis` unlocks it$/m,
    'no event kept',
  );
  const usual = await shown({ locked: false, zone: { name: 'default' }, pool: { name: 'default' } });
  assert.doesNotMatch(usual, /lock|zone|pool/i);
});

test('values that are not known are `-` or left out, and the words of the firmware have readable labels', async (t) => {
  const hardware = {
    system_vendor: 'ACME',
    system_sku: 'A-1',
    cpu_model: 'x9',
    chassis_type: 'Unknown',
    mainboard_serial: null,
  };
  const machine = { ...MACHINE, cpu_count: 0, memory: 0, ip_addresses: [], hardware_info: hardware };
  const { config } = await answerControl(t, {
    '/MAAS/api/2.0/machines/': [machine],
    '/MAAS/api/2.0/machines/abcdef/?op=identity': IDENTITY,
  });
  const { text } = await printedBy(() => showMachine({ config: config, machine: 'calm-ibis', json: false }));
  for (const label of ['Processors', 'Memory', 'IP addresses']) assert.match(text, new RegExp(`^${label} +-$`, 'm'));
  assert.match(text, /^System vendor +ACME\nSystem SKU +A-1\nCPU model +x9$/m);
  assert.doesNotMatch(text, /Unknown|chassis|mainboard|_/i);
  const added = machineShape.parse(machine);
  const cell = (title: string) =>
    columnsFor([added])
      .find((column) => column.title === title)
      ?.text(added);
  assert.deepEqual(['CPUS', 'MEMORY'].map(cell), ['-', '-']);
});

test('the list marks locked machines', () => {
  const like = (locked: boolean) => machineShape.parse({ ...MACHINE, locked });
  const cell = (locked: boolean) =>
    columnsFor([like(locked)])
      .find(({ title }) => title === 'STATUS')
      ?.text(like(locked));
  assert.deepEqual([true, false].map(cell), ['Ready (locked)', 'Ready']);
});

test('the list shows that a machine waits for a person to switch it on', () => {
  const cell = (code: string): string | undefined => {
    const machine = machineShape.parse({ ...MACHINE, status_message_code: code });
    return columnsFor([machine])
      .find(({ title }) => title === 'STATUS')
      ?.text(machine);
  };
  assert.equal(cell('waits-for-hand'), 'Ready, waiting to be switched on');
  assert.equal(cell('has-started'), 'Ready');
});

test('the list and show say how far a machine is: its step, the share done, or when it last reported', () => {
  const like = (text: string, percent: number | null, age: number | null) =>
    machineShape.parse({ ...MACHINE, status_name: 'Deploying', work_text: text, work_percent: percent, work_age: age });
  const cells: readonly (readonly [ReturnType<typeof like>, string])[] = [
    [like('writing sda', 41, 3), 'Deploying: writing sda, 41 %'],
    [like('writing sda', 41, 200), 'Deploying: writing sda, 41 %, 3 min ago'],
    [like('running the checks', null, 12), 'Deploying: running the checks, 12 s ago'],
    [like('booting from the network', null, 7300), 'Deploying: booting from the network, 2 h 1 min ago'],
    [like('', null, null), 'Deploying'],
    [machineShape.parse({ ...MACHINE, status_name: 'Deploying' }), 'Deploying'],
  ];
  for (const [machine, text] of cells) {
    const column = columnsFor([machine]).find(({ title }) => title === 'STATUS');
    assert.equal(column?.text(machine), text);
    assert.equal(progressText(machine), text);
  }
  const disks = `${'sda '.repeat(12)}sde`;
  const long = like(`erasing (signatures): ${disks}`, 7, 1);
  assert.match(progressText(long), /sde, 7 %$/);
  const cell = columnsFor([long]).find(({ title }) => title === 'STATUS');
  assert.equal(cell?.text(long), `Deploying: erasing (signatures): ${'sda '.repeat(9)}s…, 7 %`);
});

test('the list and show say why a machine failed', () => {
  const like = (status: string) =>
    machineShape.parse({ ...MACHINE, status_name: status, status_message: 'the image could not be written' });
  for (const status of ['Failed deployment', 'Failed commissioning', 'Broken', 'Missing']) {
    assert.equal(progressText(like(status)), `${status}: the image could not be written`);
  }
  assert.equal(progressText(like('Deployed')), 'Deployed');
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

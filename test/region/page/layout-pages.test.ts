// The forms of a machine's network and disks: each has a page, a bond and a RAID are made, changed and deleted through it, refusals are at their
// fields, nobody changes what a system uses, and names that mean harm stay text.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { blockDevicesJson, storageFields } from '../../../src/region/api/json/disk-json.ts';
import { buildNetInterfaces } from '../../../src/region/layout/interfaces.ts';
import { formatFieldFaults } from '../../../src/region/page/frame/view.ts';
import { LAYOUT_PAGE, parseObjects, TASK_NAMES } from '../../../src/region/page/machines/layout-forms.ts';
import { LAYOUT_SECTIONS } from '../../../src/region/page/machines/layout-sections.ts';
import { parseHardwareFacts } from '../../../src/region/records/hardware-facts.ts';
import type { MachineStatus } from '../../../src/region/records/lifecycle.ts';
import type { Region } from '../../../src/region/region.ts';
import { report, withRegion } from '../place.ts';
import { ADMIN, addViewer, USER, viewOf } from './view.ts';

const ATTACK = `<img src=x onerror="alert(1)">'"&`;
type Texts = Readonly<Record<string, string | readonly string[]>>;

const mapOf = (texts: Texts) =>
  new Map(Object.entries(texts).map(([name, text]) => [name, typeof text === 'string' ? [text] : text] as const));

/** A machine with three interfaces and disks. */
async function withMachine(work: (region: Region, systemId: string) => Promise<void>) {
  await withRegion(async ({ region, store }) => {
    await addViewer(store);
    const facts = parseHardwareFacts(
      JSON.stringify({
        disks: ['sda', 'sdb', 'sdc'].map((name) => ({ name, bytes: 64e9, model: ATTACK, serial: `serial-${name}` })),
      }),
    );
    assert.ok(facts.kind === 'value');
    const macs = [0x525400000001, 0x525400000002, 0x525400000003];
    const outcome = await region.enlist(report(macs, { hostname: 'web1', facts: facts.value }));
    assert.ok(outcome.kind === 'create');
    const { systemId } = outcome.machine;
    await inState(region, systemId, 'ready');
    await work(region, systemId);
  });
}

const inState = (region: Region, systemId: string, status: MachineStatus, fields: { release?: string } = {}) =>
  region.store.changeMachine<never>(systemId, region.clock.wallTimeMs(), () => ({
    kind: 'change',
    fields: { status, ...fields },
    events: [],
  }));

const send = (region: Region, machine: string, task: string, given: Texts, query: Texts = {}) =>
  LAYOUT_PAGE.act?.(
    viewOf(region, { viewer: ADMIN, path: { machine, task }, form: mapOf(given), query: mapOf(query) }),
  );

const sectionsOf = async (region: Region, machine: string, viewer = ADMIN) => {
  const pages = await Promise.all(
    LAYOUT_SECTIONS.map(({ render }) => render(viewOf(region, { viewer, path: { machine } }))),
  );
  return pages.join('');
};

const machineOf = async (region: Region, systemId: string) =>
  (await region.store.findMachine(systemId)) ?? assert.fail(systemId);
const interfacesIn = async (region: Region, systemId: string) =>
  buildNetInterfaces(await machineOf(region, systemId), await region.networks.look());

test('a bond is made, changed and deleted through its forms', () =>
  withMachine(async (region, systemId) => {
    const [first, second] = await interfacesIn(region, systemId);
    const parents = [String(first?.id), String(second?.id)];
    const fields = { name: 'bond0', parents, bond_mode: '802.3ad', mtu: '9000', tags: 'uplink\r\nfast' };
    assert.equal((await send(region, systemId, 'bond', fields))?.kind, 'done');
    const bond = async () => (await interfacesIn(region, systemId)).find(({ kind }) => kind === 'bond');
    const made = (await bond()) ?? assert.fail('no bond');
    assert.deepEqual(
      [made.name, made.params.bond_mode, made.mtu, made.tags],
      ['bond0', '802.3ad', 9000, ['uplink', 'fast']],
    );
    assert.deepEqual(made.parents.map(String), parents);
    const id = String(made.id);
    const form = `${await LAYOUT_PAGE.render(viewOf(region, { viewer: ADMIN, path: { machine: systemId, task: 'edit-bond' }, query: mapOf({ id }) }))}`;
    assert.match(form, /name="mtu"[^>]* value="9000"|value="9000"[^>]*name="mtu"/);
    assert.match(form, /<option value="802\.3ad" selected>/);
    const edited = { name: 'bond1', bond_mode: 'active-backup', bond_miimon: '', vlan: '', mtu: '', tags: '' };
    assert.equal((await send(region, systemId, 'edit-bond', edited, { id }))?.kind, 'done');
    const changed = (await bond()) ?? assert.fail('no bond');
    assert.deepEqual(
      [changed.name, changed.params.bond_mode, changed.vlan, changed.tags],
      ['bond1', 'active-backup', undefined, []],
    );
    assert.match(await sectionsOf(region, systemId), /bond1.*eth0, eth1/s);
    assert.equal((await send(region, systemId, 'delete-interface', {}, { id }))?.kind, 'done');
    assert.equal(await bond(), undefined);
  }));

test('a refusal names the field of the form', () =>
  withMachine(async (region, systemId) => {
    const outcome = await send(region, systemId, 'bond', { name: 'a name with spaces', bond_mode: '' });
    assert.ok(outcome?.kind === 'refusal');
    assert.deepEqual([...formatFieldFaults(outcome).keys()].toSorted(), ['name', 'parents']);
    const other = await send(region, systemId, 'lay-out', { storage_layout: 'flat', boot_size: ATTACK });
    assert.ok(other?.kind === 'refusal');
    assert.deepEqual([...formatFieldFaults(other).keys()], ['boot_size']);
  }));

test('a RAID is made of two disks with a spare, formatted, mounted, and deleted', () =>
  withMachine(async (region, systemId) => {
    const disks = async () => blockDevicesJson(await machineOf(region, systemId));
    const [one, two, three] = (await disks()).map(({ id }) => String(id));
    const raids = async () => parseObjects(storageFields(await machineOf(region, systemId)).raids);
    const fields = { name: 'md0', block_devices: [one ?? '', two ?? ''], spare_devices: [three ?? ''] };
    assert.equal((await send(region, systemId, 'raid', fields))?.kind, 'done');
    const [raid] = await raids();
    assert.deepEqual([raid?.name, raid?.level], ['md0', 'raid-1']);
    const id = String(raid?.id);
    assert.equal((await send(region, systemId, 'format', { fstype: 'ext4', label: 'data' }, { id }))?.kind, 'done');
    assert.equal((await send(region, systemId, 'mount', { mount_point: '/srv' }, { id }))?.kind, 'done');
    assert.match(await sectionsOf(region, systemId), /md0.*RAID 1 of sda, sdb, spare sdc.*ext4 · data · at \/srv/s);
    assert.equal((await send(region, systemId, 'unmount', {}, { id }))?.kind, 'done');
    assert.equal((await send(region, systemId, 'unformat', {}, { id }))?.kind, 'done');
    assert.equal((await send(region, systemId, 'delete-raid', {}, { id }))?.kind, 'done');
    assert.deepEqual(await raids(), []);
  }));

test('the boot disk is laid out with LVM, its partitions are shown below it, and its commissioned layout comes back', () =>
  withMachine(async (region, systemId) => {
    assert.equal((await send(region, systemId, 'lay-out', { storage_layout: 'lvm', boot_size: '1G' }))?.kind, 'done');
    const page = await sectionsOf(region, systemId);
    assert.match(page, /sda1.*sda2.*vgroot.*vgroot-lvroot/s);
    assert.equal((await send(region, systemId, 'restore-storage', {}))?.kind, 'done');
    assert.doesNotMatch(await sectionsOf(region, systemId), /vgroot/);
  }));

test('every task has a form under a heading that names the machine, and one about an object that is gone is not found', () =>
  withMachine(async (region, systemId) => {
    const [nic] = await interfacesIn(region, systemId);
    const [disk] = blockDevicesJson(await machineOf(region, systemId));
    await send(region, systemId, 'raid', {
      block_devices: blockDevicesJson(await machineOf(region, systemId))
        .slice(1)
        .map(({ id }) => String(id)),
    });
    await send(region, systemId, 'partition', { size: '10G' }, { device_id: String(disk?.id) });
    const [withPart] = blockDevicesJson(await machineOf(region, systemId));
    const part = String(parseObjects(withPart?.partitions)[0]?.id);
    await send(region, systemId, 'group', { name: 'vg0', partitions: [part] });
    const { raids, volume_groups: groups } = storageFields(await machineOf(region, systemId));
    const ids = [nic?.id, disk?.id, part, parseObjects(raids)[0]?.id, parseObjects(groups)[0]?.id].map(String);
    for (const task of TASK_NAMES) {
      const forms = await Promise.all(
        ids.map((id) =>
          LAYOUT_PAGE.render(
            viewOf(region, { viewer: ADMIN, path: { machine: systemId, task }, query: mapOf({ id, device_id: id }) }),
          ),
        ),
      );
      const found = forms.find((form) => form !== undefined) ?? assert.fail(task);
      assert.match(`${found}`, /<h1>[A-Z][^<]* on web1<\/h1>.*<form method="post"/s, task);
      assert.ok(!`${found}`.includes('<img'), task);
    }
    const gone = viewOf(region, {
      viewer: ADMIN,
      path: { machine: systemId, task: 'edit-bond' },
      query: mapOf({ id: ATTACK }),
    });
    assert.equal(await LAYOUT_PAGE.render(gone), undefined);
    assert.equal(await LAYOUT_PAGE.render({ ...gone, path: { machine: systemId, task: 'constructor' } }), undefined);
  }));

test('what a system uses, or another person may change, is shown without links to forms; names stay text', () =>
  withMachine(async (region, systemId) => {
    const links = async (viewer = ADMIN) => (await sectionsOf(region, systemId, viewer)).includes('/layout/');
    assert.equal(await links(), true);
    assert.equal(await links(USER), false);
    await inState(region, systemId, 'deployed', { release: 'bookworm' });
    const page = await sectionsOf(region, systemId);
    const forms = [...page.matchAll(/\/layout\/([\w-]+)\//g)].map(([, task]) => task);
    assert.deepEqual(
      forms.filter((task) => task !== 'tag' && task !== 'untag'),
      [],
      'a tag is a label',
    );
    assert.match(page, /web1 is Deployed/);
    assert.ok(page.includes('&lt;img') && !page.includes('<img'));
  }));

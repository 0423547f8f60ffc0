// Machines and devices that people add by hand, and the page of a device.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatIpv4 } from '../../../../src/ground/address.ts';
import {
  formatFieldFaults,
  formatRefusal,
  type Outcome,
  operate,
  type View,
} from '../../../../src/region/page/frame/view.ts';
import { PAGES } from '../../../../src/region/page/routes.ts';
import type { Machine } from '../../../../src/region/records/machine.ts';
import type { Region } from '../../../../src/region/region.ts';
import type { RegionPlace } from '../../place.ts';
import { macsOf, report, withRegion } from '../../place.ts';
import { ADMIN, addViewer, fieldsOf, USER, viewOf } from '../view.ts';

const pageAt = (path: string) => PAGES.find((page) => page.path === path) ?? assert.fail(path);
const ADD_MACHINE = pageAt('/MAAS/machines/add/');
const ADD_DEVICE = pageAt('/MAAS/machines/add-device/');
const DEVICE = pageAt('/MAAS/devices/:id/');
const MACHINE = pageAt('/MAAS/machines/:machine/');
const LAYOUT = pageAt('/MAAS/machines/:machine/layout/:task/');

const MACS = ['52:54:00:00:00:01', '52:54:00:00:00:02'];
const PLACE = { domain: 'maas', zone: 'default', pool: 'default' };

async function addUser({ store }: RegionPlace) {
  await store.accounts.addUser({ username: 'alice', email: '', passwordHash: 'x', isAdmin: false, createdMs: 1 });
}

async function find(region: Region, isDevice: boolean): Promise<Machine> {
  const [found] = await region.store.listMachines({ isDevice }, 0, 1);
  return found ?? assert.fail('nothing was added');
}

const toOf = (outcome: Outcome) => (outcome?.kind === 'done' ? outcome.to : assert.fail(JSON.stringify(outcome)));

test('an administrator adds a machine with its architecture and interfaces, and is led to its power driver', () =>
  withRegion(async ({ region, store }) => {
    await addViewer(store);
    const form = { architecture: 'arm64/generic', mac_addresses: MACS.join('\r\n'), hostname: 'node7', ...PLACE };
    const view = viewOf(region, { viewer: ADMIN });
    assert.match(`${await ADD_MACHINE.render(view)}`, /<option value="amd64\/generic" selected>/);
    const outcome = await ADD_MACHINE.act?.({ ...view, form: fieldsOf({ ...form, description: 'By hand' }) });
    const machine = await find(region, false);
    assert.equal(toOf(outcome), `/MAAS/machines/${machine.systemId}/power/`);
    assert.deepEqual(
      [machine.hostname, machine.architecture, machine.status, machine.description],
      ['node7', 'arm64', 'new', 'By hand'],
    );
    assert.deepEqual(macsOf(machine), [0x525400000001, 0x525400000002]);
  }));

test('a wrong hardware address of a new machine is refused at its field, with what was written', () =>
  withRegion(async ({ region, store }) => {
    await addViewer(store);
    const given = fieldsOf({ architecture: 'amd64/generic', mac_addresses: '52:54:00', hostname: 'node7', ...PLACE });
    const view = viewOf(region, { viewer: ADMIN, form: given });
    const outcome = await ADD_MACHINE.act?.(view);
    assert.ok(outcome?.kind === 'refusal');
    const again = `${await ADD_MACHINE.render({ ...view, refusal: formatRefusal(outcome), faults: formatFieldFaults(outcome) })}`;
    assert.match(again, /id="f-mac_addresses-fault"/);
    assert.match(again, /name="hostname"[^>]* value="node7"/);
    assert.equal(await store.countMachines({}), 0);
  }));

test('an ordinary user adds a machine to the default zone, and is led to its page', () =>
  withRegion(async (place) => {
    await addUser(place);
    const view = viewOf(place.region, { viewer: USER });
    assert.equal(`${await ADD_MACHINE.render(view)}`.includes('name="zone"'), false);
    const given = fieldsOf({ architecture: 'amd64/generic', mac_addresses: MACS[0] ?? '', hostname: '' });
    const outcome = await ADD_MACHINE.act?.({ ...view, form: given });
    assert.equal(toOf(outcome), `/MAAS/machines/${(await find(place.region, false)).systemId}/`);
  }));

/** A device of alice. */
async function addDevice(place: RegionPlace): Promise<{ readonly view: View; readonly device: Machine }> {
  await addUser(place);
  const view = viewOf(place.region, { viewer: USER });
  const given = fieldsOf({ mac_addresses: MACS[0] ?? '', hostname: 'switch1', description: 'Top of rack', ...PLACE });
  const outcome = await ADD_DEVICE.act?.({ ...view, form: given });
  const device = await find(place.region, true);
  assert.equal(toOf(outcome), `/MAAS/devices/${device.systemId}/`);
  return { view: { ...view, path: { id: device.systemId, machine: device.systemId } }, device };
}

test('a device has a page of its own, also at the address of a machine, without what only machines do', () =>
  withRegion(async (place) => {
    const { view, device } = await addDevice(place);
    for (const page of [`${await DEVICE.render(view)}`, `${await MACHINE.render(view)}`]) {
      assert.match(page, /<h1>Device switch1<\/h1>.*52:54:00:00:00:01.*Top of rack/s);
      assert.match(page, new RegExp(`<form[^>]* action="/MAAS/devices/${device.systemId}/"`));
      for (const word of ['do/release/', '/power/', '/edit/']) assert.equal(page.includes(word), false, word);
    }
  }));

test('the owner of a device renames and deletes it, and another user sees no form', () =>
  withRegion(async (place) => {
    const { view, device } = await addDevice(place);
    const stranger = { ...view, viewer: { ...USER, username: 'bob' } };
    assert.equal(`${await DEVICE.render(stranger)}`.includes(`action="/MAAS/devices/`), false);
    const form = { hostname: 'switch2', description: '', parent: '', ...PLACE };
    assert.equal((await DEVICE.act?.({ ...stranger, form: fieldsOf(form) }))?.kind, 'refusal');
    assert.equal((await DEVICE.act?.({ ...view, form: fieldsOf(form) }))?.kind, 'done');
    assert.equal((await place.store.findMachine(device.systemId))?.hostname, 'switch2');
    assert.equal(
      toOf(await DEVICE.act?.({ ...view, form: fieldsOf({ do: 'delete' }) })),
      '/MAAS/machines/?kind=devices',
    );
    assert.equal(await DEVICE.render(view), undefined);
  }));

test('the owner of a device gives its interface an address, by the form to which its page links', () =>
  withRegion(async (place) => {
    const { region, store } = place;
    await addViewer(store);
    const subnet = await operate(viewOf(region, { viewer: ADMIN }), 'POST subnets', {}, { cidr: '10.30.0.0/24' });
    assert.ok(subnet.kind === 'json');
    const { view, device } = await addDevice(place);
    const link = /href="([^"]*layout\/link\/\?id=\d+)"/.exec(`${await DEVICE.render(view)}`)?.[1] ?? assert.fail();
    const id = new URL(link, 'http://rack').searchParams.get('id') ?? '';
    const at = { ...view, path: { machine: device.systemId, task: 'link' }, query: fieldsOf({ id }) };
    const subnets = /<option value="(\d+)"[^>]*>10\.30\.0\.0/.exec(`${await LAYOUT.render(at)}`)?.[1] ?? assert.fail();
    const form = { subnet: subnets, mode: 'static', ip_address: '10.30.0.7' };
    assert.equal(toOf(await LAYOUT.act?.({ ...at, form: fieldsOf(form) })), `/MAAS/devices/${device.systemId}/`);
    const { addresses } = await find(region, true);
    assert.deepEqual(
      addresses.map(({ address }) => formatIpv4(address)),
      ['10.30.0.7'],
    );
  }));

test('an administrator tags an interface and removes the tag, whatever the state of the machine', () =>
  withRegion(async ({ region, store }) => {
    await addViewer(store);
    const outcome = await region.enlist(report([0x525400000001], { hostname: 'node1' }));
    assert.ok(outcome.kind === 'create');
    const { systemId } = outcome.machine;
    await store.changeMachine<never>(systemId, 1, () => ({
      kind: 'change',
      fields: { status: 'deployed' },
      events: [],
    }));
    const network = pageAt('/MAAS/machines/:machine/network/');
    const view = viewOf(region, { viewer: ADMIN, path: { machine: systemId } });
    const id = /layout\/tag\/\?id=(\d+)/.exec(`${await network.render(view)}`)?.[1] ?? assert.fail();
    const sent = (task: string) =>
      LAYOUT.act?.({
        ...view,
        path: { machine: systemId, task },
        query: fieldsOf({ id }),
        form: fieldsOf({ tag: 'up' }),
      });
    assert.equal(toOf((await sent('tag')) ?? undefined), `/MAAS/machines/${systemId}/network/`);
    assert.match(`${await network.render(view)}`, /<span class="tag">up<\/span>.*layout\/untag\//s);
    toOf((await sent('untag')) ?? undefined);
    assert.equal(`${await network.render(view)}`.includes('<span class="tag">up'), false);
  }));

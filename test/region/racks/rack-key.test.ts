// The key of an accepted rack gives access to the machines of its own networks and to no others.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  formatIpv4,
  formatMac,
  type Ipv4,
  ipv4,
  type MacAddress,
  mac,
  parseIpv4,
} from '../../../src/ground/address.ts';
import { identityKey } from '../../../src/region/identity/evidence.ts';
import { chooseAddresses, networkOfAddress } from '../../../src/region/life/static-addresses.ts';
import { RACKS_PAGE } from '../../../src/region/page/racks/racks-page.ts';
import { changeStatus } from '../../support/change-status.ts';
import { sentenceOf } from '../../support/sentences.ts';
import { adminHeader, type LinkPlace, RACK, withLink } from '../http/link-place.ts';
import { viewOf } from '../page/view.ts';
import { SECRET } from '../place.ts';
import {
  acceptRack,
  batchOf,
  digestOf,
  hearRack,
  heartbeatOf,
  OTHER_UUID,
  postEntry,
  RACK_KEY_SECRET,
  RACK_TOKEN,
  RACK_UUID,
  rackAuthorization,
  rackInterface,
  reportEntry,
} from './rack-place.ts';

const LAB = '11111111-2222-4333-8444-555555555599';
const LAB_MAC = mac(0x525400000001);
const FAR_MAC = mac(0x525400000002);
const FAR_KEY = `${RACK_TOKEN}:${RACK_KEY_SECRET}`;
const OTHER_KEY = { kind: 'own', token: 'token-of-rack-3', secretDigest: digestOf('secret-of-rack-3') } as const;

const THIRD = {
  uuid: OTHER_UUID,
  name: 'rack-3',
  key: OTHER_KEY,
  interfaces: [rackInterface('10.60.0.0/24')],
};

/** A region whose own rack serves 10.20.0.0/24, and the remote rack-2 10.50.0.0/24. */
const withRacks = (work: (place: LinkPlace) => Promise<void>): Promise<void> =>
  withLink(async (place) => {
    const own = { name: 'lab', version: '0.1.0', interfaces: [rackInterface('10.20.0.0/24')], pinned: [] };
    await place.region.racks.putOwn({ ...own, uuid: LAB });
    await acceptRack(place.region);
    await work(place);
  });

/** A request that a rack forwards for a machine. */
const through = (key: string, address: string, more: Readonly<Record<string, string>> = {}) => ({
  headers: { 'x-rackboot-rack': key, 'x-forwarded-for': address, ...more },
});

/** A machine enlists, as its rack vouches. @returns its system id */
async function enlist({ ask, store }: LinkPlace, key: string, address: string, nic: MacAddress): Promise<string> {
  const body = new URLSearchParams({ architecture: 'amd64', mac_addresses: formatMac(nic) });
  const asked = through(key, address, { 'x-rackboot-boot': formatMac(nic) });
  const answer = await ask('POST', 'api/2.0/machines/', { ...asked, body });
  assert.equal(answer.status, 200, answer.text);
  return (await store.listMachines({ macs: [nic] }, 0, 1))[0]?.systemId ?? assert.fail();
}

const commission = async ({ region }: LinkPlace, systemId: string): Promise<string> => {
  await changeStatus(region, systemId, 'commissioning', { username: 'bob' });
  return (await region.store.findMachine(systemId))?.bootToken ?? assert.fail('no token');
};

/** A machine's token as a rack gets it. */
async function tokenGiven({ ask }: LinkPlace, systemId: string, uuid = RACK_UUID, headers = RACK): Promise<unknown> {
  const answer = await ask('GET', `uplink/1/racks/${uuid}/state`, { headers });
  assert.equal(answer.status, 200, answer.text);
  const machines: { systemId: string; bootToken?: string }[] = JSON.parse(answer.text).machines;
  const found =
    machines.find((machine) => machine.systemId === systemId) ?? assert.fail('the machine is not in the state');
  assert.equal(
    Object.hasOwn(found, 'home'),
    found.bootToken !== undefined,
    'only the racks of its home are told where it is',
  );
  return found.bootToken;
}

const job = async ({ ask }: LinkPlace, key: string, address: string, token: string, nic: MacAddress) => {
  const proof = { 'x-rackboot-token': token, 'x-rackboot-boot': formatMac(nic) };
  return (await ask('GET', 'rackboot/1/job', through(key, address, proof))).status;
};

const lease = (sequence: number, nic: MacAddress, address: string, kind = 'dhcp.ack'): object =>
  reportEntry(sequence, 'Leased', { kind, mac: formatMac(nic), address });

const typesOf = async ({ store }: LinkPlace, systemId: string): Promise<readonly string[]> =>
  (await store.listEvents({ machines: { systemIds: [systemId] }, limit: 50 })).map(({ type }) => type);

test('a rack gets the tokens of the machines at home with it, and no others', () =>
  withRacks(async (place) => {
    const lab = await enlist(place, SECRET, '10.20.0.9', LAB_MAC);
    const far = await enlist(place, FAR_KEY, '10.50.0.9', FAR_MAC);
    const tokens = [await commission(place, lab), await commission(place, far)];
    assert.equal(await tokenGiven(place, far), tokens[1]);
    assert.equal(await tokenGiven(place, lab), undefined);
    const own = (await place.region.desiredState()).machines.map(({ bootToken }) => bootToken);
    assert.deepEqual(own, tokens, 'the rack of the region’s own process is told all');
    await place.region.racks.judge([RACK_UUID], 'remove', 'bob');
    const gone = (await place.region.desiredState(RACK_UUID)).machines.map(({ bootToken }) => bootToken);
    assert.deepEqual(gone, [undefined, undefined]);
  }));

test('with the token of a machine at home elsewhere a rack gets nothing, whatever networks it claims', () =>
  withRacks(async (place) => {
    const lab = await enlist(place, SECRET, '10.20.0.9', LAB_MAC);
    const far = await enlist(place, FAR_KEY, '10.50.0.9', FAR_MAC);
    const tokens = [await commission(place, lab), await commission(place, far)];
    const [ofLab = '', ofFar = ''] = tokens;
    for (const networks of [['10.50.0.0/24'], ['10.50.0.0/24', '10.0.0.0/8'], ['10.50.0.0/24', '10.20.0.0/25']]) {
      await place.rack('heartbeat', heartbeatOf({ interfaces: networks.map((network) => rackInterface(network)) }));
      await place.rack('events', batchOf([lease(1, LAB_MAC, '10.20.0.9'), lease(2, LAB_MAC, '10.50.0.9')]));
      for (const address of ['10.50.0.9', '10.20.0.9', '10.60.0.9']) {
        assert.equal(await job(place, FAR_KEY, address, ofLab, LAB_MAC), 403, `${networks} ${address}`);
      }
      assert.equal(await job(place, FAR_KEY, '10.50.0.9', ofFar, FAR_MAC), 200, 'its own machine works on');
    }
    assert.equal(await job(place, SECRET, '10.20.0.9', ofLab, LAB_MAC), 200, 'and so does the other one');
  }));

test('a network that the region’s own rack gets is taken from a rack that merely reported it', () =>
  withRacks(async (place) => {
    const networks = ['10.50.0.0/24', '10.60.0.0/16'].map((network) => rackInterface(network));
    await place.rack('heartbeat', heartbeatOf({ interfaces: networks }));
    assert.deepEqual(place.region.racks.find(RACK_UUID)?.disputed, []);
    // And is silent from now on.
    const own = ['10.20.0.0/24', '10.60.0.0/24'].map((network) => rackInterface(network));
    await place.region.racks.putOwn({ uuid: LAB, name: 'lab', version: '0.1.0', interfaces: own, pinned: [] });
    assert.deepEqual(place.region.racks.find(RACK_UUID)?.disputed, ['10.60.0.0/16']);
    const lab = await enlist(place, SECRET, '10.60.0.9', LAB_MAC);
    const token = await commission(place, lab);
    assert.equal(await tokenGiven(place, lab), undefined);
    assert.equal(await job(place, FAR_KEY, '10.60.0.9', token, LAB_MAC), 403);
    assert.equal(await job(place, SECRET, '10.60.0.9', token, LAB_MAC), 200);
  }));

test('a rack’s reports of a machine at home elsewhere change nothing, and one event names the remedy', () =>
  withRacks(async (place) => {
    const lab = await enlist(place, SECRET, '10.20.0.9', LAB_MAC);
    await place.region.observe([{ ...JSON.parse(JSON.stringify(lease(1, LAB_MAC, '10.20.0.9'))).report, sequence: 1 }]);
    await commission(place, lab);
    const before = await place.store.findMachine(lab);
    const [first] = before?.interfaces ?? [];
    assert.equal(first?.address, parseIpv4('10.20.0.9'));
    const kinds = ['dhcp.ack', 'dhcp.offer', 'dhcp.elsewhere', 'tftp.rendered', 'http.rendered', 'boot.token-withheld'];
    const entries = kinds.map((kind, index) => lease(index + 1, LAB_MAC, '10.50.0.77', kind));
    // Without a hardware address it is the machine that was seen with the address.
    const byAddress = reportEntry(7, 'Got its configuration x', { kind: 'tftp.rendered', address: '10.20.0.9' });
    const answer = JSON.parse((await place.rack('events', batchOf([...entries, byAddress]))).text);
    assert.deepEqual(answer, { stored: 7, refused: [] });
    assert.deepEqual(await place.store.findMachine(lab), before);
    const own = await place.store.listEvents({ machines: { systemIds: [lab] }, limit: 50 });
    assert.equal(own.filter(({ kind }) => kind !== undefined).length, 1, 'its own rack’s report alone');
    const reported = own.filter(({ type }) => type === 'NODE_SEEN_ELSEWHERE');
    assert.equal(reported.length, 1);
    assert.match(
      sentenceOf(reported[0]),
      new RegExp(
        `^rack rack-2 reports it, but its home is rack lab.*rackboot machines move ${before?.hostname} rack-2`,
      ),
    );
    await place.clock.leap(3_600_000);
    await place.rack('events', batchOf([lease(8, LAB_MAC, '10.50.0.77')]));
    assert.equal(
      (await typesOf(place, lab)).filter((type) => type === 'NODE_SEEN_ELSEWHERE').length,
      2,
      'each hour once',
    );
  }));

test('an enlistment through a rack changes no machine at home elsewhere: not its hardware, its cards or its identity', () =>
  withRacks(async (place) => {
    const dmi = { uuid: '4c4c4544-0032-3010-8031-b4c04f333332', serial: 'SN-8841', board_serial: 'BS-1177' };
    const post = (key: string, address: string, boot: MacAddress, macs: readonly MacAddress[], facts: object) => {
      const body = new URLSearchParams({
        architecture: 'amd64',
        mac_addresses: macs.map((one) => formatMac(one)).join(','),
        hardware_facts: JSON.stringify({ version: 1, dmi: facts }),
      });
      return place.ask('POST', 'api/2.0/machines/', {
        ...through(key, address, { 'x-rackboot-boot': formatMac(boot) }),
        body,
      });
    };
    const SECOND = mac(0x525400000011);
    const NEW = mac(0x525400000099);
    assert.equal((await post(SECRET, '10.20.0.9', LAB_MAC, [LAB_MAC, SECOND], dmi)).status, 200);
    const [lab] = await place.store.listMachines({ macs: [LAB_MAC] }, 0, 1);
    assert.ok(lab !== undefined);
    const strip = (systemId: string) => place.store.findMachine(systemId);
    await post(FAR_KEY, '10.50.0.9', LAB_MAC, [LAB_MAC, NEW], { ...dmi, serial: 'SN-0000' });
    assert.deepEqual(await strip(lab.systemId), lab, 'by its address');
    await post(FAR_KEY, '10.50.0.9', NEW, [NEW], dmi);
    assert.deepEqual(await strip(lab.systemId), lab, 'by its serial numbers, as if a card was swapped');
    const another = { uuid: dmi.uuid.replace('4', '5'), serial: 'SN-2', board_serial: 'BS-2' };
    await post(FAR_KEY, '10.50.0.9', FAR_MAC, [FAR_MAC, SECOND], another);
    assert.deepEqual(await strip(lab.systemId), lab, 'its second card, as if it was moved');
    const shared = { ...another, uuid: dmi.uuid };
    await post(FAR_KEY, '10.50.0.8', mac(0x525400000098), [mac(0x525400000098)], shared);
    const kept = { macs: '52:54:00:00:00:01', boot: { bootMac: '52:54:00:00:00:01' } };
    await place.rack('events', batchOf([postEntry(1, kept.macs, kept.boot)]));
    assert.deepEqual(await strip(lab.systemId), lab, 'by a post that the rack kept');
    const reported = async () =>
      (await place.store.listEvents({ machines: { systemIds: [lab.systemId] }, limit: 50 }))
        .filter(({ level }) => level === 'warning')
        .map((event) => `${event.type} ${sentenceOf(event)}`);
    const [first = '', ...more] = await reported();
    assert.match(
      first,
      /^NODE_SEEN_ELSEWHERE rack rack-2 reports it, .* The rack's reports about it are not believed$/,
    );
    assert.deepEqual(more, [], 'one warning an hour, however often the rack says it and in whatever way');
    await place.clock.leap(3_600_000);
    await post(FAR_KEY, '10.50.0.9', LAB_MAC, [LAB_MAC], dmi);
    assert.equal((await reported()).length, 2);
    assert.match((await reported())[0] ?? '', /believed \(\d+ times since the last such event\)$/);
    // While a rack's machine shows the same UUID it tells neither of them; when that machine is deleted, nothing is left of it.
    const [twin] = await place.store.listMachines({ macs: [mac(0x525400000098)] }, 0, 1);
    assert.equal(await place.region.removeMachine(twin?.systemId ?? '', 'bob'), 'removed');
    assert.equal(
      (await place.store.sharedValues([identityKey('uuid', dmi.uuid), identityKey('serial', dmi.serial)])).size,
      0,
    );
  }));

test('the home of a machine that a person made is the first rack that shows it, and its token goes there', () =>
  withRacks(async (place) => {
    const admin = await adminHeader(place);
    const body = new URLSearchParams({ architecture: 'amd64', mac_addresses: formatMac(FAR_MAC) });
    const made = JSON.parse((await place.ask('POST', 'api/2.0/machines/', { headers: admin, body })).text);
    await acceptRack(place.region, THIRD);
    const token = await commission(place, made.system_id);
    const other = { authorization: rackAuthorization('token-of-rack-3', 'secret-of-rack-3') };
    assert.equal(await tokenGiven(place, made.system_id), undefined, 'nobody has shown it');
    const version = await place.store.desiredVersion();
    await place.rack('events', batchOf([lease(1, FAR_MAC, '10.50.0.9', 'dhcp.offer')]));
    assert.ok((await place.store.desiredVersion()) > version, 'the racks get a new state');
    assert.equal(await tokenGiven(place, made.system_id), token);
    assert.equal(await tokenGiven(place, made.system_id, OTHER_UUID, other), undefined);
    const events = await place.store.listEvents({ machines: { systemIds: [made.system_id] }, limit: 9 });
    assert.ok(events.some((event) => /^its home is now rack rack-2.*10\.50\.0\.9/.test(sentenceOf(event))));
    assert.equal(await job(place, FAR_KEY, '10.50.0.9', token, FAR_MAC), 200);
    const late = { ...batchOf([lease(1, FAR_MAC, '10.60.0.9')]), source: `${OTHER_UUID}/x` };
    await place.ask('POST', `uplink/1/racks/${OTHER_UUID}/events`, { headers: other, body: late });
    assert.equal(await tokenGiven(place, made.system_id, OTHER_UUID, other), undefined);
    assert.ok((await typesOf(place, made.system_id)).includes('NODE_SEEN_ELSEWHERE'));
  }));

test('a person moves a machine to another rack with a new token, which its old rack does not get', () =>
  withRacks(async (place) => {
    const lab = await enlist(place, SECRET, '10.20.0.9', LAB_MAC);
    const before = await commission(place, lab);
    const admin = await adminHeader(place);
    const move = (rack: string) =>
      place.ask('POST', `api/2.0/machines/${lab}/?op=move`, { headers: admin, body: new URLSearchParams({ rack }) });
    assert.equal((await move('nobody')).status, 400);
    const moved = await move('rack-2');
    assert.equal(moved.status, 200, moved.text);
    const token = (await place.store.findMachine(lab))?.bootToken;
    assert.notEqual(token, before);
    assert.equal(await tokenGiven(place, lab), token);
    assert.equal(await job(place, FAR_KEY, '10.50.0.9', token ?? '', LAB_MAC), 200);
    assert.ok(
      (await place.store.listEvents({ limit: 9 })).some((event) => sentenceOf(event) === 'moved to rack rack-2'),
    );
    const identity = await place.ask('GET', `api/2.0/machines/${lab}/?op=identity`, { headers: admin });
    assert.deepEqual(JSON.parse(identity.text).home, ['rack-2']);
    assert.equal((await move('lab')).status, 200);
    assert.equal(await tokenGiven(place, lab), undefined);
    const plain = await place.ask('POST', `api/2.0/machines/${lab}/?op=move`, {
      body: new URLSearchParams({ rack: LAB }),
    });
    assert.equal(plain.status, 401);
  }));

test('the rack of the region’s own process takes a machine from another rack by a boot, not by mere sightings', () =>
  withRacks(async (place) => {
    const far = await enlist(place, FAR_KEY, '10.50.0.9', FAR_MAC);
    const { report } = JSON.parse(JSON.stringify(lease(1, FAR_MAC, '10.20.0.9')));
    await place.region.observe([{ ...report, sequence: 1 }]);
    assert.equal((await place.store.findMachine(far))?.home, parseIpv4('10.50.0.9'));
    await enlist(place, SECRET, '10.20.0.9', FAR_MAC);
    assert.equal((await place.store.findMachine(far))?.home, parseIpv4('10.20.0.9'));
  }));

test('a machine stays with its rack when that gets other networks, and goes to the next when its own is gone', () =>
  withRacks(async (place) => {
    const far = await enlist(place, FAR_KEY, '10.50.0.9', FAR_MAC);
    await place.rack('heartbeat', heartbeatOf({ interfaces: [rackInterface('10.51.0.0/24')] }));
    await place.rack('events', batchOf([lease(1, FAR_MAC, '10.51.0.9')]));
    assert.equal((await place.store.findMachine(far))?.interfaces[0]?.address, parseIpv4('10.51.0.9'));
    const token = await commission(place, far);
    assert.equal(await tokenGiven(place, far), token);
    await place.region.racks.judge([RACK_UUID], 'remove', 'bob');
    const other = await acceptRack(place.region, THIRD);
    const { report } = JSON.parse(JSON.stringify(lease(1, FAR_MAC, '10.60.0.9')));
    await place.region.observe([{ ...report, sequence: 1 }], `${other.uuid}/x`, other.uuid);
    assert.equal((await place.store.findMachine(far))?.home, parseIpv4('10.60.0.9'));
  }));

test('a rack’s new network is believed if it is free, not if it is another rack’s', () =>
  withRacks(async (place) => {
    const { region, rack, store, ask } = place;
    const admin = await adminHeader(place);
    const at = (text: string) => parseIpv4(text) ?? ipv4(0);
    const beat = (...networks: readonly string[]) =>
      rack('heartbeat', heartbeatOf({ interfaces: networks.map((network) => rackInterface(network)) }));
    const disputes = async () =>
      (await store.listEvents({ limit: 50 })).filter((event) => /that a person must agree to/.test(sentenceOf(event)));
    await beat('10.50.0.0/24', '10.70.0.0/24');
    assert.equal(region.racks.serves(at('10.70.0.9')), true, 'nobody’s');
    assert.equal((await disputes()).length, 0);

    await beat('10.50.0.0/24', '10.70.0.0/24', '10.0.0.0/8');
    await beat('10.50.0.0/24', '10.70.0.0/24', '10.0.0.0/8');
    assert.equal(region.racks.serves(at('10.99.0.9')), false);
    assert.equal(region.racks.serves(at('10.70.0.9')), true);
    assert.equal(region.racks.speakerFor(FAR_KEY, at('10.20.0.9')), undefined);
    const remedy =
      /10\.0\.0\.0\/8 overlaps 10\.20\.0\.0\/24 of lab, so it is not believed.*racks accept rack-2 --share 10\.0\.0\.0\/8/;
    assert.equal((await disputes()).length, 1);
    assert.match(sentenceOf((await disputes())[0]), remedy);
    assert.match(`${RACKS_PAGE.render(viewOf(region))}`, remedy);
    const shown = JSON.parse((await ask('GET', `api/2.0/nodegroups/${RACK_UUID}/`, { headers: admin })).text);
    assert.match(shown.network_conflict, remedy);

    // The same by registration, which a rack repeats at each start.
    await place.register({ interfaces: JSON.stringify([rackInterface('10.20.0.0/24')]) });
    assert.deepEqual(region.racks.find(RACK_UUID)?.disputed, ['10.20.0.0/24']);
    await beat('10.50.0.0/24');
    assert.deepEqual(region.racks.find(RACK_UUID)?.disputed, []);
  }));

test('of two racks with the same new network the first has it; no rack takes a network that another was accepted with', () =>
  withRacks(async (place) => {
    const { region } = place;
    const other = await acceptRack(region, THIRD);
    const hear = async (uuid: string, ...networks: readonly string[]): Promise<readonly string[]> => {
      const interfaces = networks.map((network) => rackInterface(network));
      await hearRack(region, uuid, interfaces);
      return region.racks.find(uuid)?.disputed ?? [];
    };
    assert.deepEqual(await hear(RACK_UUID, '10.50.0.0/24', '10.70.0.0/24'), []);
    assert.deepEqual(await hear(other.uuid, '10.60.0.0/24', '10.70.0.0/25'), ['10.70.0.0/25']);
    assert.deepEqual(await hear(RACK_UUID, '10.50.0.0/24', '10.70.0.0/24'), [], 'the rack that had it keeps it');
    assert.deepEqual(await hear(RACK_UUID, '10.50.0.0/24'), []);
    assert.deepEqual(await hear(other.uuid, '10.60.0.0/24', '10.70.0.0/25'), [], 'it is free again');
    // An interface that is down for a while loses nothing that was agreed to.
    assert.deepEqual(await hear(RACK_UUID), []);
    assert.deepEqual(await hear(other.uuid, '10.60.0.0/24', '10.50.0.0/24'), ['10.50.0.0/24']);
    assert.deepEqual(await hear(RACK_UUID, '10.50.0.0/24'), []);
    // A user's decision wins over a rack's finding.
    assert.deepEqual(await hear(other.uuid, '10.60.0.0/24', '10.70.0.0/24'), []);
    await hear(RACK_UUID, '10.50.0.0/24', '10.70.0.0/24');
    assert.equal(await region.racks.judge([RACK_UUID], 'accept', 'bob', ['10.70.0.0/24']), undefined);
    assert.deepEqual(region.racks.find(RACK_UUID)?.disputed, []);
    assert.deepEqual(await hear(other.uuid, '10.60.0.0/24', '10.70.0.0/24'), ['10.70.0.0/24']);
  }));

test('two racks share a network if a person names it: the answer names the overlap, and both serve its machines', () =>
  withRacks(async (place) => {
    const { region, ask } = place;
    const admin = await adminHeader(place);
    const far = await enlist(place, FAR_KEY, '10.50.0.9', FAR_MAC);
    const token = await commission(place, far);
    const other = { authorization: rackAuthorization('token-of-rack-3', 'secret-of-rack-3') };
    await place.register({
      uuid: OTHER_UUID,
      name: 'rack-3',
      token: OTHER_KEY.token,
      secret_digest: OTHER_KEY.secretDigest,
    });
    const remedy = /10\.50\.0\.0\/24 overlaps 10\.50\.0\.0\/24 of rack-2.*racks accept rack-3 --share 10\.50\.0\.0\/24/;
    assert.match(`${RACKS_PAGE.render(viewOf(region))}`, remedy, 'before it is accepted');
    const accept = (more: Readonly<Record<string, string>> = {}) =>
      ask('POST', 'api/2.0/nodegroups/?op=accept', {
        headers: admin,
        body: new URLSearchParams({ uuid: OTHER_UUID, ...more }),
      });
    assert.match((await accept()).text, remedy);
    assert.equal(await tokenGiven(place, far, OTHER_UUID, other), undefined);
    const unknown = await accept({ share: '10.51.0.0/24' });
    assert.deepEqual([unknown.status, /no network 10\.51\.0\.0\/24/.test(unknown.text)], [409, true]);
    const version = await place.store.desiredVersion();
    assert.equal((await accept({ share: '10.50.0.0/24' })).text, 'Nodegroup(s) accepted.');
    assert.ok((await place.store.desiredVersion()) > version, 'it is told the tokens of machines at work there');
    assert.equal(await tokenGiven(place, far, OTHER_UUID, other), token);
    assert.equal(await tokenGiven(place, far), token);
    assert.equal(await job(place, 'token-of-rack-3:secret-of-rack-3', '10.50.0.9', token, FAR_MAC), 200);
    assert.ok(
      (await place.store.listEvents({ limit: 9 })).some((event) => /shares 10\.50\.0\.0\/24/.test(sentenceOf(event))),
    );
    await place.register(
      { uuid: OTHER_UUID, name: 'rack-3', token: OTHER_KEY.token, secret_digest: OTHER_KEY.secretDigest },
      other,
    );
    assert.deepEqual(region.racks.find(OTHER_UUID)?.disputed, [], 'even after its next start');
  }));

test('a rack cannot hand out another’s addresses, by a range outside its network or by a network that is not its own', () =>
  withRacks(async (place) => {
    const far = await enlist(place, FAR_KEY, '10.50.0.9', FAR_MAC);
    await place.rack('events', batchOf([lease(1, FAR_MAC, '10.50.0.9')]));
    const given = async (nic: object): Promise<unknown> => {
      await place.rack('heartbeat', heartbeatOf({ interfaces: [{ ...rackInterface('10.50.0.0/24'), ...nic }] }));
      const machine = (await place.store.findMachine(far)) ?? assert.fail();
      const view = place.region.networks.known;
      const asked = chooseAddresses(machine, [], undefined, true, view);
      const ranges = asked.kind === 'ask' ? (asked.ranges ?? []) : [];
      const unused = ranges.map((range) => ({ range, taken: new Set<Ipv4>(), seen: new Set<Ipv4>() }));
      const choice = chooseAddresses(machine, unused, undefined, true, view);
      return choice.kind === 'given' ? choice.addresses.map(({ address }) => formatIpv4(address)) : choice;
    };
    const range = (low: string, high: string) => ({ static_ip_range_low: low, static_ip_range_high: high });
    assert.deepEqual(await given(range('10.50.0.20', '10.50.0.29')), ['10.50.0.20']);
    assert.deepEqual(await given(range('10.20.0.20', '10.20.0.29')), []);
    assert.deepEqual(await given(range('10.50.0.250', '10.51.0.9')), []);
    assert.deepEqual(await given({ network: '10.0.0.0/8', ...range('10.20.0.20', '10.20.0.29') }), []);
    const { reported } = place.region.networks.known;
    assert.equal(networkOfAddress(reported, parseIpv4('10.20.0.9') ?? ipv4(0))?.prefix, 24);
    assert.equal(networkOfAddress(reported, parseIpv4('10.99.0.9') ?? ipv4(0)), undefined);
  }));

test('an address of another rack’s network is not believed, not even of the rack’s own machine', () =>
  withRacks(async (place) => {
    const far = await enlist(place, FAR_KEY, '10.50.0.9', FAR_MAC);
    await place.rack('events', batchOf([lease(1, FAR_MAC, '10.50.0.9'), lease(2, FAR_MAC, '10.20.0.9')]));
    assert.equal((await place.store.findMachine(far))?.interfaces[0]?.address, parseIpv4('10.50.0.9'));
    assert.equal((await typesOf(place, far)).filter((type) => type === 'NODE_DHCP_EVENT').length, 2);
  }));

// The main thread's side of the wire, in virtual time, with a thread that answers as the test directs.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Ipv4, ipv4, mac } from '../../../src/ground/address.ts';
import type { HostInterface } from '../../../src/net/host-interface.ts';
import type { FromNetWorker, ToNetWorker } from '../../../src/net/watch/net-message.ts';
import { PROBES_WAITING_MAX, ThreadWire } from '../../../src/net/watch/wire.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const ADDRESS: Ipv4 = ipv4(0x0a140064);
const HOST = mac(0x525400000001);
const link = (changes: Partial<HostInterface> = {}): HostInterface => ({
  name: 'eth1',
  index: 2,
  mac: mac(0x52540000000a),
  up: true,
  carrier: true,
  addresses: [],
  ...changes,
});

function start(senses: Partial<Extract<FromNetWorker, { kind: 'senses' }>> = {}) {
  const clock = new VirtualClock();
  const wire = new ThreadWire(clock);
  const reported: ToNetWorker[] = [];
  wire.connect((message) => void reported.push(message));
  wire.receive({ kind: 'senses', arp: '', routers: '', ...senses });
  wire.interfacesChanged([link()]);
  wire.receive({ kind: 'interfaces', interfaces: [link()] });
  /** The result of a probe. */
  const ask = (address = ADDRESS): Promise<string> =>
    wire.findUser(address, 'eth1').then(
      (user) => (user === undefined ? 'nobody' : user.toString(16)),
      ({ code }) => code,
    );
  const idOf = (place: number): number => {
    const probe = reported.filter((message) => message.kind === 'probe')[place];
    return probe?.id ?? assert.fail('no such question');
  };
  return { clock, wire, reported, ask, idOf };
}

describe('the main thread’s side of the wire', () => {
  it('matches each answer to its question', async () => {
    const rig = start();
    const answers = [0, 1, 2].map((host) => rig.ask(ipv4(ADDRESS + host)));
    rig.wire.receive({ kind: 'probed', id: rig.idOf(1), user: HOST, isSent: true });
    rig.wire.receive({ kind: 'probed', id: rig.idOf(2), user: undefined, isSent: false });
    rig.wire.receive({ kind: 'probed', id: rig.idOf(0), user: undefined, isSent: true });
    rig.wire.receive({ kind: 'probed', id: rig.idOf(0), user: HOST, isSent: true });
    rig.wire.receive({ kind: 'probed', id: 4711, user: HOST, isSent: true });
    assert.deepEqual(await Promise.all(answers), ['nobody', '525400000001', 'native-unavailable']);
    assert.equal(rig.clock.pending, 0, 'no timer is left');
  });

  it('ends questions of a thread that does not answer in time, or has ended', async () => {
    const rig = start();
    const late = rig.ask();
    rig.clock.advance(2000);
    assert.equal(await late, 'native-unavailable');
    const cut = rig.ask();
    rig.wire.connect(undefined);
    assert.equal(await cut, 'native-unavailable');
    assert.equal(await rig.ask(), 'native-unavailable');
    assert.equal(rig.wire.notes.length, 2);
    assert.equal(rig.clock.pending, 0);
  });

  it('asks about no more addresses at once than the thread accepts', async () => {
    const rig = start();
    const answers = Array.from({ length: PROBES_WAITING_MAX + 1 }, (_, host) => rig.ask(ipv4(ADDRESS + host)));
    assert.equal(rig.reported.length, PROBES_WAITING_MAX);
    assert.equal(await answers.at(-1), 'native-unavailable');
    rig.wire.connect(undefined);
    await Promise.all(answers);
  });

  it('asks once about an address that is being asked for, even if no place is left', async () => {
    const rig = start();
    const answers = Array.from({ length: PROBES_WAITING_MAX }, (_, host) => rig.ask(ipv4(ADDRESS + host)));
    const second = rig.ask();
    assert.equal(rig.reported.length, PROBES_WAITING_MAX);
    rig.wire.receive({ kind: 'probed', id: rig.idOf(0), user: HOST, isSent: true });
    assert.deepEqual([await answers[0], await second], ['525400000001', '525400000001']);
    void rig.ask();
    assert.equal(rig.reported.length, PROBES_WAITING_MAX + 1, 'a later question is asked again');
    rig.wire.connect(undefined);
    await Promise.all(answers);
  });

  for (const [what, change] of [
    ['down', { up: false }],
    ['without a cable', { carrier: false }],
    ['loopback', { mac: mac(0) }],
    ['a tunnel', { mac: undefined }],
    ['another', { name: 'eth2' }],
  ] as const) {
    it(`cannot be asked when the interface is ${what}`, async () => {
      const rig = start();
      rig.wire.interfacesChanged([link(change)]);
      assert.equal(rig.wire.canProbe('eth1'), false);
      assert.equal(await rig.ask(), 'native-unavailable');
      rig.wire.interfacesChanged([link()]);
      assert.equal(rig.wire.canProbe('eth1'), true);
    });
  }

  it('cannot be probed without the privilege, and names what is missing', async () => {
    const rig = start({ arp: 'EPERM' });
    assert.equal(rig.wire.canProbe('eth1'), false);
    assert.equal(await rig.ask(), 'native-unavailable');
    assert.deepEqual(rig.reported, []);
    assert.deepEqual(rig.wire.notes, [{ note: 'arp-unheard', reason: 'EPERM' }]);
    assert.deepEqual(start().wire.notes, []);
  });

  it('says nothing, and lets questions wait, while the thread starts', async () => {
    for (const end of ['awake', 'without the privilege', 'never', 'failed'] as const) {
      const clock = new VirtualClock();
      const wire = new ThreadWire(clock);
      const reported: ToNetWorker[] = [];
      wire.expect();
      wire.interfacesChanged([link()]);
      assert.equal(wire.canProbe('eth1'), true, end);
      const asked = wire.findUser(ADDRESS, 'eth1').catch(({ code }) => code);
      wire.connect((message) => void reported.push(message));
      clock.advance(5000);
      assert.deepEqual([reported, wire.notes], [[], []], end);
      let settled = 0;
      wire.whenSettled(() => {
        settled += 1;
      });
      if (end === 'awake' || end === 'without the privilege')
        wire.receive({ kind: 'senses', arp: end === 'awake' ? '' : 'EPERM', routers: '' });
      assert.deepEqual([reported, settled], [[], 0], 'the thread does not know the interfaces yet');
      if (end === 'never') clock.advance(5000);
      else if (end === 'failed') wire.connect(undefined);
      else wire.receive({ kind: 'interfaces', interfaces: [link()] });
      assert.equal(settled, 1);
      if (end === 'awake') {
        assert.deepEqual(reported, [{ kind: 'probe', id: 1, address: ADDRESS, interfaceName: 'eth1' }]);
        wire.receive({ kind: 'probed', id: 1, user: HOST, isSent: true });
      }
      assert.equal(await asked, end === 'awake' ? HOST : 'native-unavailable', end);
      assert.equal(wire.notes.length, { awake: 0, 'without the privilege': 1, never: 2, failed: 2 }[end], end);
      assert.equal(clock.pending, 0, end);
    }
  });

  it('tells a thread once what to listen to, and also a thread that starts later', () => {
    const rig = start();
    rig.wire.serve(['eth1', 'eth2']);
    rig.wire.serve(['eth1', 'eth2']);
    rig.wire.serve(['eth1']);
    assert.deepEqual(
      rig.reported.map((message) => (message.kind === 'serve' ? message.names : [])),
      [['eth1', 'eth2'], ['eth1']],
    );
    const later: ToNetWorker[] = [];
    rig.wire.connect((message) => void later.push(message));
    assert.deepEqual(later, [{ kind: 'serve', names: ['eth1'] }]);
  });
});

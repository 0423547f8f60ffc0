// The wires as the net worker hears them, in network namespaces: users of an address, links that are deleted and created again,
// and a host without the privilege.
// @host waits

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { formatMac, type Ipv4, parseIpv4 } from '../../../src/ground/address.ts';
import { systemClock } from '../../../src/ground/clock.ts';
import { type InterfaceWatch, openInterfaceWatch } from '../../../src/net/watch/interfaces.ts';
import type { Sighting } from '../../../src/net/watch/neighbours.ts';
import { AS_NOBODY, AS_NOBODY_WITH, readableCheckout } from '../../support/another-user.ts';
import { missing } from '../../support/needs.ts';
import { enterOwnNetwork, ip, openPeer, type Peer, until } from '../../support/own-network.ts';

const SKIP = missing('linux', 'root', 'ip', 'unshare', 'setpriv');
if (SKIP === false) enterOwnNetwork();

const address = (text: string): Ipv4 => parseIpv4(text) ?? assert.fail(text);
const USED = address('10.64.0.50');
const FREE = address('10.64.0.51');

/** The answer of `wire-question.ts` when the words of `as` start it. */
function question(as: readonly string[]) {
  const { root, node } = readableCheckout();
  const [program = '', ...words] = [...as, node, join(root, 'test/e2e/net/wire-question.ts')];
  return JSON.parse(execFileSync(program, words, { encoding: 'utf8', timeout: 20_000 }));
}

describe('the wire', { skip: SKIP }, () => {
  let peer: Peer;
  let watch: InterfaceWatch;
  const sightings: Sighting[] = [];

  function connect(): void {
    peer.cable('wire0', 'wire1');
    peer.run('ip', 'addr', 'add', '10.64.0.50/24', 'dev', 'wire1');
  }
  const macOf = (): string => /link\/ether (\S+)/.exec(peer.run('ip', 'link', 'show', 'wire1'))?.[1] ?? '';

  before(async () => {
    peer = await openPeer();
    connect();
    watch = await openInterfaceWatch({ clock: systemClock });
    watch.wire.listen({
      onSightings: (seen) => void sightings.push(...seen),
      onSolicitation: () => undefined,
      onRouter: () => undefined,
      onAdvertised: () => undefined,
    });
    watch.wire.serve(['wire0']);
    await until(() => watch.wire.canProbe('wire0'));
  });
  after(async () => {
    await watch.close();
    await peer.close();
  });

  it('names the user of an address, and reports a free address after its probes', async () => {
    const user = await watch.wire.findUser(USED, 'wire0');
    assert.equal(user === undefined ? undefined : formatMac(user), macOf());
    const answeredAt = systemClock.now();
    assert.equal(await watch.wire.findUser(FREE, 'wire0'), undefined);
    const silentMs = systemClock.now() - answeredAt;
    assert.ok(silentMs >= 390, `${silentMs} ms`);
  });

  it('leaves no trace of a probe in the ARP tables of other hosts (RFC 5227 §2.1)', () => {
    assert.equal(peer.run('ip', 'neigh', 'show', 'dev', 'wire1').includes('10.64'), false);
  });

  it('reports the hosts that it hears, and not the rack itself', async () => {
    await until(() => sightings.some((seen) => seen.address === USED && seen.isHeard));
    assert.deepEqual(new Set(sightings.map(({ interfaceName }) => interfaceName)), new Set(['wire0']));
  });

  it('runs many probes at a time, refuses too many at once, and ends each one', async () => {
    const asked = Array.from({ length: 600 }, (_, index) =>
      watch.wire.findUser(address(`10.64.${1 + (index >> 8)}.${index & 255}`), 'wire0').then(
        () => 'silence',
        () => 'refused',
      ),
    );
    const answers = await Promise.all(asked);
    assert.equal(answers.filter((answer) => answer === 'refused').length, 88);
  });

  it('cannot be probed if the interface does not exist or is down', async () => {
    for (const name of ['lo', 'none0']) {
      assert.equal(watch.wire.canProbe(name), false);
      await assert.rejects(watch.wire.findUser(USED, name), { code: 'native-unavailable' });
    }
    ip('link set wire0 down');
    await until(() => !watch.wire.canProbe('wire0'));
    await assert.rejects(watch.wire.findUser(USED, 'wire0'));
    ip('link set wire0 up');
    await until(() => watch.wire.canProbe('wire0'));
  });

  it('is heard again when an interface was deleted and created again', async () => {
    ip('link del wire0');
    await until(() => !watch.wire.canProbe('wire0'));
    connect();
    await until(() => watch.wire.canProbe('wire0'));
    const user = await watch.wire.findUser(USED, 'wire0');
    assert.equal(user === undefined ? undefined : formatMac(user), macOf());
  });

  it('needs no more than CAP_NET_RAW', () => {
    const { can, refused, notes } = question([
      ...AS_NOBODY_WITH,
      '--inh-caps=-all,+net_raw',
      '--ambient-caps=+net_raw',
    ]);
    assert.deepEqual([can, refused, notes], [true, 'answered', []]);
  });

  it('is not heard without the privilege: each missing feature gives one note, and every probe is refused at once', () => {
    const { can, refused, notes } = question(AS_NOBODY);
    assert.deepEqual([can, refused], [false, 'native-unavailable']);
    assert.deepEqual(notes, [
      { note: 'arp-unheard', reason: 'EPERM' },
      { note: 'routers-unanswered', reason: 'EPERM' },
    ]);
  });
});

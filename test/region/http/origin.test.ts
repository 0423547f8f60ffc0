// The origin of the URLs given to a machine: a name of the rack or the region, never an unverified one from a request.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseOrigin, type OriginFacts } from '../../../src/region/http/origin.ts';
import { buildApp, makeContext } from '../../../src/region/http/server.ts';
import { openRegion } from '../../../src/region/region.ts';
import { report, SECRET, withRegion } from '../place.ts';
import { acceptRack, OTHER_UUID, RACK_KEY_SECRET, RACK_TOKEN, register, registration } from '../racks/rack-place.ts';

const BY_SOCKET: Partial<OriginFacts> = { localAddress: '10.20.0.1', localPort: 5240 };
const BY_RACK: Partial<OriginFacts> = { localAddress: '127.0.0.1', localPort: 5240, rackLocal: '10.20.0.1:5248' };
const BY_TLS: Partial<OriginFacts> = { ...BY_SOCKET, protocol: 'https', localPort: 5443 };
const HERE: Partial<OriginFacts> = { localAddress: '127.0.0.1', localPort: 5240 };

const CASES: readonly (readonly [name: string, Partial<OriginFacts>, host: string | undefined, origin: string])[] = [
  ['the address of the socket is taken', BY_SOCKET, '10.20.0.1:5240', 'http://10.20.0.1:5240'],
  ['with the port that the client used', BY_SOCKET, '10.20.0.1:8080', 'http://10.20.0.1:8080'],
  ['the address where a rack took the request is taken', BY_RACK, '10.20.0.1:5248', 'http://10.20.0.1:5248'],
  ['a listener of the region is taken', BY_SOCKET, '192.0.2.7:5240', 'http://192.0.2.7:5240'],
  ['a listener of every address is not an address', BY_SOCKET, '0.0.0.0:5240', 'http://10.20.0.1:5240'],
  ['the name of public_url is taken', BY_SOCKET, 'Region.example:5240', 'http://Region.example:5240'],
  ['the name of public_url is taken over TLS', BY_TLS, 'region.example', 'https://region.example'],
  ['an address of an accepted rack is taken', BY_SOCKET, '10.50.0.1:5248', 'http://10.50.0.1:5248'],
  ['an address of a rack that nobody accepted is not', BY_SOCKET, '10.60.0.1:5248', 'http://10.20.0.1:5240'],
  ['another host is not taken', BY_SOCKET, 'evil.example', 'http://10.20.0.1:5240'],
  ['another host is not taken from a rack', BY_RACK, 'evil.example:5248', 'http://10.20.0.1:5248'],
  ['another address is not taken', BY_RACK, '198.51.100.66:5248', 'http://10.20.0.1:5248'],
  ['a name that only begins as ours is not', BY_RACK, 'region.example.evil.example', 'http://10.20.0.1:5248'],
  ['a name before an address is not', BY_RACK, 'evil@10.20.0.1:5248', 'http://10.20.0.1:5248'],
  ['an address in another spelling is not', BY_RACK, '10.50.0.001:5248', 'http://10.20.0.1:5248'],
  ['localhost is taken from this host', HERE, 'localhost:5240', 'http://localhost:5240'],
  ['localhost is not taken from others', BY_RACK, 'localhost:5240', 'http://10.20.0.1:5248'],
  ['a request without Host', BY_RACK, undefined, 'http://10.20.0.1:5248'],
  [
    'a request that a rack passes on over TLS came to it without',
    { ...BY_RACK, protocol: 'https' },
    'x',
    'http://10.20.0.1:5248',
  ],
  ['IPv4 in an IPv6 socket', { localAddress: '::ffff:10.20.0.1', localPort: 80 }, 'x', 'http://10.20.0.1:80'],
  ['an IPv6 socket', { localAddress: 'fd00::1', localPort: 5240 }, 'x', 'http://[fd00::1]:5240'],
  ['an IPv6 socket, named', { localAddress: 'fd00::1', localPort: 5240 }, '[FD00::1]:5240', 'http://[FD00::1]:5240'],
  ['a socket that is gone', {}, 'evil.example', ''],
];

test('the origin of a machine is our own', () =>
  withRegion(
    async ({ region, config }) => {
      await acceptRack(region);
      const pending = OTHER_UUID;
      await register(
        region,
        registration({
          uuid: pending,
          interfaces: [
            { ...(registration().interfaces[0] ?? assert.fail()), ip: '10.60.0.1', network: '10.60.0.0/24' },
          ],
        }),
      );
      for (const [name, facts, host, origin] of CASES) {
        const whole = {
          protocol: 'http',
          localAddress: undefined,
          localPort: undefined,
          rackLocal: undefined,
        };
        assert.equal(chooseOrigin({ ...whole, ...facts, host }, config, region.racks), origin, name);
      }
    },
    {
      publicUrl: 'http://region.example:5240/MAAS',
      listen: [
        { host: '192.0.2.7', port: 5240 },
        { host: '0.0.0.0', port: 5240 },
      ],
    },
  ));

const BY = { username: 'admin', isAdmin: true, comment: '' };
const IMAGE = { os: 'debian', release: 'trixie', path: '/i', sha256: 'a'.repeat(64), bytes: 1, format: 'raw' };
const A = 0x525400000001;
const MACHINE = '10.20.0.50';
const ARRIVED = '10.20.0.1:5248';

/** Each way by which a machine asks, the fields it sends, and the origin in its job. */
const DOORS: readonly (readonly [
  name: string,
  from: string,
  fields: Readonly<Record<string, string>>,
  origin: string,
])[] = [
  ['its own rack', '127.0.0.1', { 'x-rackboot-rack': SECRET, 'x-forwarded-for': MACHINE }, `http://${ARRIVED}`],
  ['no rack: where it says that it arrived is not believed', MACHINE, {}, ''],
  ['somebody who is not a rack', MACHINE, { 'x-rackboot-rack': 'guessed', 'x-forwarded-for': MACHINE }, ''],
];

for (const [name, from, fields, origin] of DOORS) {
  test(`a job names no host that its asker made up: through ${name}`, () =>
    withRegion(async (place) => {
      const { store, clock, config } = place;
      place.region.close();
      const region = await openRegion({
        config,
        store,
        clock,
        findImage: () => IMAGE,
        onDesiredState: () => undefined,
      });
      const event = { type: 'NODE', code: 'rack', params: { text: 'x' }, atMs: 0, username: 'admin' } as const;
      await store.accounts.addUser({ username: 'admin', email: '', passwordHash: '', isAdmin: true, createdMs: 0 });
      await store.life.addSshKey({ username: 'admin', key: 'ssh-ed25519 AAAA admin', createdMs: 0 }, 10, event);
      const outcome = await region.enlist(report([A]));
      assert.ok(outcome.kind === 'create');
      const { systemId } = outcome.machine;
      const deployment = {
        osystem: 'debian',
        release: 'trixie',
        deployBy: 'image',
        disk: 'vda',
        userData: undefined,
      } as const;
      for (const command of [
        { name: 'accept', skipsCommissioning: true },
        { name: 'deploy', deployment },
      ] as const) {
        const given = await region.life.command(systemId, command, BY);
        assert.equal(given.kind, 'changed', JSON.stringify(given));
      }
      const { bootToken = '' } = (await store.findMachine(systemId)) ?? assert.fail();
      const app = buildApp(makeContext(region));
      const answer = await app.inject({
        method: 'GET',
        url: '/MAAS/rackboot/1/job',
        remoteAddress: from,
        headers: {
          host: 'evil.example:5248',
          'x-rackboot-local': ARRIVED,
          'x-rackboot-token': bootToken,
          'x-rackboot-boot': '52:54:00:00:00:01',
          ...fields,
        },
      });
      assert.ok(!answer.body.includes('evil.example'), answer.body);
      region.close();
      if (origin !== '') assert.match(answer.body, new RegExp(`${origin}/MAAS/rackboot/1/ssh-keys`), answer.body);
    }));
}

test('a remote rack says where a request arrived, with its own key', () =>
  withRegion(async ({ region }) => {
    await acceptRack(region);
    const { findPeer } = await import('../../../src/region/api/call/caller.ts');
    const header = (fields: Readonly<Record<string, string>>) => (name: string) => fields[name];
    const said = { 'x-forwarded-for': '10.50.0.20', 'x-rackboot-local': '10.50.0.1:5248' };
    const peerOf = (key: string) =>
      findPeer(
        { socketAddress: '192.0.2.9', header: header({ ...said, 'x-rackboot-rack': key }) },
        region.config(),
        region.racks,
      );
    assert.equal(peerOf(`${RACK_TOKEN}:${RACK_KEY_SECRET}`).rackLocal, '10.50.0.1:5248');
    assert.equal(peerOf(`${RACK_TOKEN}:another`).rackLocal, undefined);
  }));

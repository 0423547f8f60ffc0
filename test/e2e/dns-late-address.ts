// Run in a network namespace of its own by dns.test.ts: starts the DNS server on an address that comes only afterwards, then
// asks it with dig, and writes the answers as JSON.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Names } from '../../src/dns/names.ts';
import { DnsServer } from '../../src/dns/server.ts';
import { sleep, systemClock } from '../../src/ground/clock.ts';
import type { RackEvent } from '../../src/ground/event.ts';
import { openNetwork } from '../../src/net/datagrams/udp-linux.ts';
import { SITE } from '../dns/fixture.ts';
import { ip } from '../support/lab-facts.ts';

const run = promisify(execFile);
await run('ip', ['link', 'set', 'lo', 'up']);
const network = await openNetwork();
const events: RackEvent[] = [];
const server = new DnsServer({
  network,
  clock: systemClock,
  publish: (event) => events.push(event),
  names: new Names({ serial: 1 }),
});
await server.configure({ ...SITE, listen: [ip('10.20.0.1')] });
const waited = events.some(({ kind }) => kind === 'dns.listener-waiting');
await run('ip', ['addr', 'add', '10.20.0.1/24', 'dev', 'lo']);
for (let waitedMs = 0; server.listeners[0]?.tcp !== true && waitedMs < 10_000; waitedMs += 100) await sleep(100);
const ask = async (how: string): Promise<string> =>
  (await run('dig', ['@10.20.0.1', how, '+short', '+tries=1', 'rack-1.maas'])).stdout.trim();
console.log(JSON.stringify({ waited, udp: await ask('+notcp'), tcp: await ask('+tcp') }));
await server.close();
await network.close();

// The region over TLS, with a certificate of an authority that openssl made: curl and Node's client judge it.
// @host waits

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect, TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import { systemClock } from '../../src/ground/clock.ts';
import { RackError } from '../../src/ground/errors.ts';
import { startApi } from '../../src/region/http/server.ts';
import { startRegion } from '../region/live.ts';
import { acceptRack, RACK_UUID, rackAuthorization, registrationFields } from '../region/racks/rack-place.ts';
import { makeAuthority } from '../support/authority.ts';
import { missing } from '../support/needs.ts';

const run = promisify(execFile);

interface Asked {
  readonly status: number;
  readonly text: string;
  readonly subject: string;
}

/** Asks over one agent, so that its connection is the same. */
function ask(agent: Agent, port: number, path: string): Promise<Asked> {
  return new Promise((resolve, reject) => {
    const asking = request({ agent, host: '127.0.0.1', port, path }, (answer) => {
      const { socket } = answer;
      const subject = socket instanceof TLSSocket ? JSON.stringify(socket.getPeerCertificate().subject?.CN) : '';
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (chunk: string) => {
        text += chunk;
      });
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text, subject }));
    });
    asking.on('error', reject);
    asking.end();
  });
}

/** How a client ends that asks for a second handshake over its connection, as TLS 1.2 allows. */
function renegotiate(port: number, ca: Buffer): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, ca, maxVersion: 'TLSv1.2' }, () => {
      socket.renegotiate({}, (error) => resolve(error === null ? 'renegotiated' : String(error)));
    });
    socket.on('error', (error) => resolve(String(error)));
    socket.on('close', () => resolve('closed'));
  });
}

test('API, page and link are served over TLS, and a renewed certificate is loaded without closing a connection', {
  skip: missing('openssl', 'curl'),
}, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-tls-'));
  const authority = makeAuthority(directory, systemClock.wallTimeMs());
  const first = authority.issue('first');
  const second = authority.issue('second');
  const files = { cert: join(directory, 'region.pem'), key: join(directory, 'region.key') };
  const install = (from: typeof first): void => {
    copyFileSync(from.cert, files.cert);
    copyFileSync(from.key, files.key);
  };
  install(first);
  const tls = { ...files, listen: [{ host: '127.0.0.1', port: 0 }] };
  const live = await startRegion({ tls });
  const ca = readFileSync(authority.caFile);
  const kept = new Agent({ ca, keepAlive: true, maxSockets: 1, maxCachedSessions: 0 });
  const fresh = new Agent({ ca, maxCachedSessions: 0 });
  try {
    const secure = live.api.addresses.find((address) => address.startsWith('https://'));
    const port = Number(/:(\d+)$/.exec(secure ?? '')?.[1]);
    const base = `https://127.0.0.1:${port}/MAAS`;
    const curl = async (...args: string[]): Promise<string> =>
      (await run('curl', ['-sS', '--cacert', authority.caFile, ...args])).stdout;

    assert.equal(await curl(`${base}/api/version/`), '2.0');
    assert.match(await curl(`${base}/`), /<title>[^<]*Rackboot</);
    await assert.rejects(run('curl', ['-sS', `${base}/api/version/`]), /certificate/);
    const described = JSON.parse(await curl(`${base}/api/2.0/describe/`));
    assert.match(described.handlers[0].uri, /^https:\/\/127\.0\.0\.1/);

    const fields = Object.entries(registrationFields()).flatMap(([name, text]) => [
      '--data-urlencode',
      `${name}=${text}`,
    ]);
    assert.equal(JSON.parse(await curl(...fields, `${base}/api/2.0/nodegroups/?op=register`)).status, 'pending');
    await acceptRack(live.region);
    const header = `Authorization: ${rackAuthorization()}`;
    assert.equal(JSON.parse(await curl('-H', header, `${base}/uplink/1/racks/${RACK_UUID}/state`)).version, 0);

    assert.match(await renegotiate(port, ca), /no renegotiation/i);
    assert.equal((await ask(kept, port, '/MAAS/api/version/')).subject, '"first"');
    install(second);
    await live.api.configure({ ...live.config, tls });
    assert.equal((await ask(kept, port, '/MAAS/api/version/')).subject, '"first"');
    const renewed = await ask(fresh, port, '/MAAS/api/version/');
    assert.deepEqual([renewed.status, renewed.subject], [200, '"second"']);
    assert.match(await renegotiate(port, ca), /no renegotiation/i);

    // An invalid pair changes nothing.
    copyFileSync(first.key, files.key);
    await assert.rejects(
      live.api.configure({ ...live.config, tls }),
      (error) => error instanceof RackError && error.code === 'certificate-unusable',
    );
    assert.equal((await ask(fresh, port, '/MAAS/api/version/')).subject, '"second"');
    await assert.rejects(
      startApi(live.region, { ...live.config, tls }),
      (error) => error instanceof RackError && error.code === 'certificate-unusable',
    );

    const old = authority.issue('old', -9, -1);
    install(old);
    await live.api.configure({ ...live.config, tls });
    assert.ok(live.problems.some(({ note }) => note.note === 'certificate-expired'));

    await live.api.configure({ ...live.config, tls: undefined });
    await assert.rejects(ask(fresh, port, '/MAAS/api/version/'));
    assert.equal((await fetch(`${live.origin}/MAAS/api/version/`)).status, 200);
  } finally {
    kept.destroy();
    fresh.destroy();
    await live.close();
    rmSync(directory, { recursive: true });
  }
});

// A remote region that answers nonsense: no JSON, values of other types, terminal escape sequences, answers that never end. Its rack goes
// on serving machines, reports the fault, and shows no active escape sequence. Real sockets on loopback, by any user.
// @host rests

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { sleep } from '../../src/ground/clock.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { REGION_FIELD } from '../../src/net/region-http.ts';
import { portOf } from '../support/listening-port.ts';
import { loadByTftp } from '../support/probes.ts';
import { eventually, RunningRack } from '../support/running-rack.ts';
import { ManyCommands } from './many-commands.ts';

const FAR = labPlace(98);
const HOSTILE = '\u001b[2J\u009b31m\u202e\u00ad';
const UNFIT = /(?!\n)[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}\p{Cs}]/u;
/** How long each kind of nonsense continues. */
const EACH_MS = 2000;
const ENDLESS_CHUNK = Buffer.alloc(65_536, 'x');

type Nonsense = (request: IncomingMessage, response: ServerResponse) => void;

const text =
  (status: number, body: string, type = 'application/json'): Nonsense =>
  (_request, response) =>
    response.writeHead(status, { 'Content-Type': type }).end(body);
const json = (value: unknown, status = 200): Nonsense => text(status, JSON.stringify(value));
const odd = {
  uuid: 7,
  status: ['accepted'],
  version: HOSTILE,
  machines: [null, 1, { systemId: HOSTILE }],
  settings: 5,
  stored: 'x',
};

/** Its answer to every request, by name. */
const KINDS: Readonly<Record<string, Nonsense>> = {
  'no JSON': text(200, `<html>${HOSTILE}</html>`, 'text/html'),
  'no region': text(404, `<html>${HOSTILE}</html>`, 'text/html'),
  'an empty body': text(200, ''),
  'a list': json([]),
  null: json(null),
  'values of other types': json(odd),
  'a deep nest': text(200, `${'['.repeat(50_000)}${']'.repeat(50_000)}`),
  'a refusal in hostile words': (_request, response) =>
    response.writeHead(403, { 'X-Rackboot-Refusal': 'rack-rejected' }).end(HOSTILE),
  'a status that nobody knows': text(599, HOSTILE),
  'a redirection to itself': (request, response) => response.writeHead(307, { Location: request.url ?? '/' }).end(),
  'an answer without end': (_request, response) => {
    response.writeHead(200, { 'Content-Type': 'application/json' });
    const write = (): void => {
      while (!response.destroyed && response.write(ENDLESS_CHUNK));
    };
    response.on('drain', write);
    write();
  },
  'a cut answer': (_request, response) => {
    response.writeHead(200, { 'Content-Length': '1000' }).write('{');
    response.destroy();
  },
  silence: () => undefined,
};

describe('a remote region that answers nonsense', () => {
  let server: Server;
  let rack: RunningRack;
  let commands: ManyCommands;
  let nonsense: Nonsense = text(200, '');
  let asked = 0;

  before(async () => {
    server = createServer((request, response) => {
      asked += 1;
      request.resume();
      if (nonsense !== KINDS['no region']) response.setHeader(REGION_FIELD.name, REGION_FIELD.value);
      // The rack is accepted first: everything behind that is asked, too.
      if (/nodegroups/.test(request.url ?? '') && nonsense !== KINDS['a refusal in hostile words']) {
        json({ uuid: '11111111-2222-4333-8444-555555555501', status: 'accepted', text: HOSTILE })(request, response);
      } else nonsense(request, response);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const port = portOf(server);
    rack = new RunningRack(FAR, (written) =>
      written.replace(/^region: .*$/m, `region: { mode: remote, url: "http://127.0.0.1:${port}/MAAS" }`),
    );
    await rack.start();
    commands = new ManyCommands(rack.configFile);
  });
  after(async () => {
    await commands.end();
    server.closeAllConnections();
    server.close();
    await rack.remove();
  });

  for (const [name, answer] of Object.entries(KINDS)) {
    test(`${name}: the rack serves, reports the fault, and shows no active escape sequence`, async () => {
      nonsense = answer;
      server.closeAllConnections();
      const before = asked;
      await eventually('the rack asks', () => asked > before + 1, 90_000);
      await sleep(EACH_MS);
      const { value } = await loadByTftp(`${FAR.octets}.1`, FAR.tftpPort, 'lpxelinux.0');
      assert.ok(value.length > 0);
      for (const words of [['status'], ['status', '--json'], ['outbox', '--dead'], ['trace']]) {
        const { code, out, err } = await commands.rackboot(...words);
        const shown = out + err;
        assert.ok(code === 0 || code === 1, `${words.join(' ')}: ${code} ${shown}`);
        assert.equal(shown.search(UNFIT), -1, JSON.stringify(shown));
      }
    });
  }

  test('neither the rack nor its thread for the region ended, and its log shows no active escape sequence', () => {
    assert.ok(rack.lines.some(({ event }) => event === 'region.linked'));
    assert.deepEqual(
      rack.lines.filter(({ event }) => event === 'region.down'),
      [],
    );
    const log = rack.lines.map((line) => JSON.stringify(line)).join('\n');
    assert.doesNotMatch(log, /a bug|TypeError|RangeError/);
  });
});

// Identity over a real daemon: the token of a boot goes from the region by the rack to the machine and back; no other host can report
// in its name; machines are merged and split by command.
// @host waits

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { z } from 'zod';
import { machinesShape } from '../../src/cli/terminal/shapes.ts';
import { askDaemon } from '../../src/control/ask-daemon.ts';
import { formatMac } from '../../src/ground/address.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { simulatedHardware } from '../../src/lab/simulated-hardware.ts';
import { parseDesiredState } from '../../src/machines/desired-state.ts';
import { missing } from '../support/needs.ts';
import { askName, loadByTftp } from '../support/probes.ts';
import { eventually, RunningRack, well } from '../support/running-rack.ts';
import { bootSimulatedMachine } from '../support/simulated-boot.ts';

const PLACE = labPlace(80);
const MACS = [0, 1].map((index) => formatMac(simulatedHardware(index).mac));
const MACHINES = '/MAAS/api/2.0/machines/';
const eventsShape = z.looseObject({ events: z.array(z.looseObject({ type: z.string(), description: z.string() })) });

const logShape = z.array(z.looseObject({ id: z.number(), type: z.string(), description: z.string() }));
const traceShape = z.looseObject({ steps: z.array(z.looseObject({ kind: z.string() })) });

interface Answered {
  readonly status: number;
  readonly text: string;
}

/** Asks the boot listener from an address of the network. */
function ask(
  from: string,
  path: string,
  body?: string,
  fields: Readonly<Record<string, string>> = {},
): Promise<Answered> {
  const type = body === undefined ? {} : { 'Content-Type': 'application/x-www-form-urlencoded' };
  const settings = { host: `${PLACE.octets}.1`, port: PLACE.httpPort, path, localAddress: from };
  const method = body === undefined ? 'GET' : 'POST';
  return new Promise((resolve, reject) => {
    const asking = request({ ...settings, method, headers: { ...type, ...fields } }, (answer) => {
      let text = '';
      answer.on('data', (chunk: Buffer) => {
        text += chunk.toString('utf8');
      });
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }));
    });
    asking.on('error', reject);
    asking.end(body);
  });
}

describe('identity', { skip: missing('linux') }, () => {
  const rack = new RunningRack(PLACE);
  const machines = async () => machinesShape.parse(await rack.ask(MACHINES));
  const find = async (mac: string) =>
    (await machines()).find(({ interface_set: nics }) => nics.some(({ mac_address: own }) => own === mac));
  const events = async () =>
    eventsShape.parse(await rack.ask('/MAAS/api/2.0/events/?op=query&limit=200&level=DEBUG')).events;
  const post = (path: string, form = '') => askDaemon(rack.stateDir, path, 'POST', form);
  const run = (...args: string[]) => rack.rackboot(...args);
  /** The token in the desired state on disk, which only this user reads. */
  const tokenOf = (systemId: string): string | undefined => {
    const parsed = parseDesiredState(JSON.parse(readFileSync(join(rack.stateDir, 'desired-state.json'), 'utf8')));
    return parsed.ok ? parsed.state.machines.find((one) => one.systemId === systemId)?.bootToken : undefined;
  };
  /** A neighbour asks for the machine's configuration by all of its names, by HTTP and TFTP: none of it counts as the machine's. */
  async function remainsUnheard(systemId: string): Promise<void> {
    const mac = MACS[0] ?? '';
    const neighbour = `${PLACE.octets}.66`;
    const steps = async () => traceShape.parse(await rack.ask(`/trace?machine=${mac}`)).steps;
    const log = async () =>
      logShape.parse(JSON.parse(await well(run('events', '--machine', systemId, '--level', 'debug', '--json'))));
    const before = await steps();
    const last = Math.max(...(await log()).map(({ id }) => id));
    const dashed = mac.replaceAll(':', '-');
    const names = [`pxelinux.cfg/01-${dashed}`, `grub/grub.cfg-${mac}`, `ipxe.cfg-${dashed}`];
    for (let round = 0; round < 4; round += 1) {
      for (const name of names) {
        assert.equal((await ask(neighbour, `/${name}`)).status, 200);
        await loadByTftp(`${PLACE.octets}.1`, PLACE.tftpPort, name, neighbour);
      }
    }
    const withheld = /^127\.\d+\.\d+\.66, .* asked for its configuration and got it without the boot token/;
    await eventually('the region has its part', async () =>
      (await log()).some(({ description }) => withheld.test(description)),
    );
    const since = (await steps()).slice(before.length);
    // On a busy host, a lease of the machine ends meanwhile.
    assert.ok(
      since.every(({ kind }) => kind === 'boot.token-withheld' || kind === 'dhcp.expired'),
      JSON.stringify(since),
    );
    for (const { id, type, description } of await log())
      if (id > last && type !== 'DHCP')
        assert.ok(type === 'Rack' && withheld.test(description), `${type}: ${description}`);
  }

  before(() => rack.startWhole());
  after(() => rack.remove());

  test('a rack vouches for a machine that it boots; `machines show` names the evidence of its identity', async () => {
    const outcome = await bootSimulatedMachine(PLACE, 0, () => undefined);
    assert.equal(outcome.kind, 'enlisted');
    const shown = await run('machines', 'show', MACS[0] ?? '');
    assert.equal(shown.code, 0, shown.complaints.join('\n'));
    assert.ok(
      shown.output.some((line) => line.includes(`${MACS[0]} (booted from it, confirmed by its rack)`)),
      shown.output.join('\n'),
    );
    assert.ok(
      shown.output.some((line) => line.startsWith('UUID ')),
      shown.output.join('\n'),
    );
  });

  test('a booted machine has its name in DNS before it is accepted; a merely reported one does not', async () => {
    const machine = await find(MACS[0] ?? '');
    const named = (fqdn: string) => askName(`${PLACE.octets}.1`, PLACE.dnsPort, fqdn);
    assert.equal(machine?.status_name, 'New');
    const { value } = await eventually('its name is answered', () => named(machine?.fqdn ?? '').catch(() => undefined));
    assert.ok(value.address?.startsWith(`${PLACE.octets}.`), value.address);
    const why = async (what: string) => (await run('why', what)).output[0] ?? '';
    assert.match(await why(MACS[0] ?? ''), new RegExp(`${machine?.hostname}.*New`));

    const lie = { architecture: 'amd64/generic', mac_addresses: '52:54:00:ee:00:01', hostname: 'nas' };
    const { status } = await ask(`${PLACE.octets}.66`, MACHINES, new URLSearchParams(lie).toString());
    assert.equal(status, 200);
    assert.equal((await find(lie.mac_addresses))?.hostname, 'nas', 'people see it');
    assert.match(await why(lie.mac_addresses), /not enlisted/);
    await post(`${MACHINES}${(await find(lie.mac_addresses))?.system_id}/?op=accept`, 'skip_commissioning=true');
    await eventually('the rack knows it now', async () => (await why(lie.mac_addresses)).includes('nas'));
    await run('machines', 'delete', 'nas');
  });

  test('no report without its token counts as this machine’s, from inside its network or with an invented token', async () => {
    const before = await find(MACS[0] ?? '');
    const lie = new URLSearchParams({ architecture: 'arm64/generic', mac_addresses: MACS[0] ?? '' }).toString();
    for (const fields of [
      {},
      { 'X-Rackboot-Boot': MACS[0] ?? '', 'X-Rackboot-Rack': 'x' },
      { 'X-Rackboot-Token': 'y'.repeat(32) },
    ]) {
      const answer = await ask(`${PLACE.octets}.66`, MACHINES, lie, fields);
      assert.equal(answer.status, 200, answer.text);
    }
    assert.deepEqual(await find(MACS[0] ?? ''), before);
    const ignored = (await events()).filter(({ type }) => type === 'Enlistment report ignored');
    assert.equal(ignored.length, 3);
  });

  test('only a machine at work gets its token, on its kernel line; the region believes its report by that token', async () => {
    const systemId = (await find(MACS[0] ?? ''))?.system_id ?? '';
    await post(`${MACHINES}${systemId}/?op=commission`);
    const token = await eventually('the rack has the token', () => tokenOf(systemId));
    const config = `/pxelinux.cfg/01-${(MACS[0] ?? '').replaceAll(':', '-')}`;
    const stolen = await ask(`${PLACE.octets}.66`, config);
    assert.equal(stolen.status, 200);
    assert.match(stolen.text, /rackboot=commissioning/);
    assert.ok(!stolen.text.includes('rackboot_token'));
    await rack.reported('boot.token-withheld', { match: ({ mac }) => mac === MACS[0] });
    await remainsUnheard(systemId);

    const lie = new URLSearchParams({ architecture: 'arm64/generic', mac_addresses: MACS[0] ?? '' }).toString();
    await ask(`${PLACE.octets}.66`, MACHINES, lie, { 'X-Rackboot-Token': token });
    assert.equal((await find(MACS[0] ?? ''))?.architecture, 'amd64/generic');

    const reports = async () => (await events()).filter(({ type }) => type === 'Node commissioning').length;
    const before = await reports();
    assert.equal((await bootSimulatedMachine(PLACE, 0, () => undefined)).kind, 'enlisted');
    assert.equal(await reports(), before + 1);
    const said = JSON.stringify([rack.lines, await events(), await machines(), await rack.ask('/status')]);
    assert.ok(!said.includes(token), 'a token is shown');
    await post(`${MACHINES}${systemId}/?op=mark_broken`);
    await eventually('the token is gone', () => tokenOf(systemId) === undefined);
  });

  test('machines are merged and split by command, and a refusal says why', async () => {
    assert.equal((await bootSimulatedMachine(PLACE, 1, () => undefined)).kind, 'enlisted');
    const [keep, other] = [await find(MACS[0] ?? ''), await find(MACS[1] ?? '')];
    const merged = await run('machines', 'merge', keep?.hostname ?? '', MACS[1] ?? '');
    assert.equal(merged.code, 0, merged.complaints.join('\n'));
    assert.match(merged.output[0] ?? '', new RegExp(`${other?.system_id}.*is now part of.*${keep?.system_id}`));
    assert.equal((await find(MACS[1] ?? ''))?.system_id, keep?.system_id);

    await well(run('machines', 'split', keep?.system_id ?? '', '--mac', MACS[1] ?? '', '--json'));
    const made = await find(MACS[1] ?? '');
    assert.notEqual(made?.system_id, keep?.system_id);
    assert.equal(made?.status_name, 'New');

    await post(`${MACHINES}${made?.system_id}/?op=commission`);
    const refused = await run('machines', 'merge', keep?.system_id ?? '', made?.system_id ?? '');
    assert.equal(refused.code, 2);
    assert.match(refused.complaints.join(' '), /Commissioning.*rackboot(?:\.js)? machines merge/);
    const nobody = await run('machines', 'merge', 'nobody', 'nothing');
    assert.equal(nobody.code, 1);
    await well(run('machines', 'keep-apart', keep?.system_id ?? '', made?.system_id ?? ''));
  });
});

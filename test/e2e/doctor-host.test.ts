// `rackboot doctor --fix-hint` on a host where something is wrong: each fault that can be made is made, and its cure is named.
// @host waits

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { chmodSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { AS_NOBODY, NOBODY } from '../support/another-user.ts';
import { missing } from '../support/needs.ts';
import { RunningRack, runRackboot } from '../support/running-rack.ts';

const PLACE = labPlace(64);
const ADDRESS = `${PLACE.octets}.1`;

const rack = new RunningRack(PLACE);
const GOOD = readFileSync(rack.configFile, 'utf8');
after(() => rack.remove());

/** Lines of the report. */
async function doctor(as: readonly string[] = []): Promise<string> {
  const { output } = await runRackboot(['doctor', '--fix-hint', '--config', rack.configFile], { as, endMsMax: 60_000 });
  return output.join('\n');
}

describe('the doctor with hints', { skip: missing('linux', 'root', 'setpriv') }, () => {
  test('names the capability that a user lacks, and the unit line that gives it', async () => {
    rack.configure(GOOD.replace(`tftp: { listen_port: ${PLACE.tftpPort} }`, 'tftp: { listen_port: 69 }'));
    execFileSync('chown', ['-R', `${NOBODY}:${NOBODY}`, rack.directory]);
    chmodSync(rack.directory, 0o755);
    const reported = await doctor(AS_NOBODY);
    assert.match(reported, /^BAD {2}right to ports: this user lacks CAP_NET_BIND_SERVICE and cannot open port 69$/m);
    assert.match(reported, /^ {7}fix: AmbientCapabilities=CAP_NET_BIND_SERVICE CAP_NET_RAW$/m);
    rack.configure(GOOD);
    execFileSync('chown', ['-R', '0:0', rack.directory]);
  });

  test('names the other programs that have its ports, by UDP and by TCP', async () => {
    const udp = createSocket('udp4');
    udp.bind({ address: ADDRESS, port: PLACE.tftpPort, exclusive: true });
    await once(udp, 'listening');
    const tcp = createServer((socket) => socket.destroy()).listen({
      host: ADDRESS,
      port: PLACE.httpPort,
      exclusive: true,
    });
    await once(tcp, 'listening');
    rmSync(join(rack.tree, 'amd64'), { recursive: true });
    const reported = await doctor();
    udp.close();
    tcp.close();
    const { tftpPort, httpPort } = PLACE;
    const where = `${ADDRESS}:${tftpPort} \\(UDP\\), ${ADDRESS}:${httpPort} \\(TCP\\)`;
    const whose = `which tftp\\.listen, boot\\.http\\.listen need, belong to node \\(process ${process.pid}[^)]*\\): stop it`;
    assert.match(
      reported,
      new RegExp(
        `^BAD {2}port ${tftpPort}, ${httpPort}: ${where}, ${whose}.*\n {7}fix: sudo (kill ${process.pid}|systemctl .*)$`,
        'm',
      ),
    );
    assert.match(
      reported,
      /^BAD {2}rackboot: is not running.*\n {7}fix: sudo (?:node \S+)?rackboot(?:\.js)? run --config \S+$/m,
    );
    assert.match(
      reported,
      /^BAD {2}images: .*\n {7}fix: sudo (?:node \S+)?rackboot(?:\.js)? images build --config \S+$/m,
    );
  });

  test('accepts that the rack itself has the ports, and judges its rights, not those of the user', async () => {
    await rack.startWhole();
    const reported = await doctor();
    assert.doesNotMatch(reported, /belongs to|BAD {2}(port|right|state|interface)/);
    const plain = await runRackboot(['doctor', '--config', rack.configFile], { endMsMax: 60_000 });
    assert.doesNotMatch(plain.output.join('\n'), /fix:|receive buffers/);
    await rack.stop();
  });
});

// A daemon whose process is stopped, or hangs: the commands that ask it end in time, and name the process.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { askDaemon, followDaemon } from '../../src/control/ask-daemon.ts';
import { silentError, stoppedError } from '../../src/control/silent-daemon.ts';
import { CONTROL_SOCKET } from '../../src/http/config.ts';
import { endProgram, whileRunning } from '../support/child.ts';
import { missing } from '../support/needs.ts';

const LOCK = new URL('../../src/store/state-lock.ts', import.meta.url).href;

describe('a daemon that does not answer', { skip: missing('linux') }, () => {
  const stateDir = mkdtempSync(join(tmpdir(), 'rackboot-silent-'));
  const socket = join(stateDir, CONTROL_SOCKET);
  const code =
    `const {lockState}=await import('${LOCK}');lockState('${stateDir}');` +
    `(await import('node:http')).createServer(()=>{}).listen('${socket}',()=>console.log('ready'))`;
  const daemon = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });

  before(() => whileRunning(daemon, once(daemon.stdout, 'data')));
  after(async () => {
    await endProgram(daemon, 'SIGKILL');
    rmSync(stateDir, { recursive: true });
  });

  test('a running process is named when the wait is over', () => {
    assert.equal(stoppedError(stateDir, socket, false), undefined);
    const said = new RegExp(`\\(process ${daemon.pid}, (?:waiting|running)\\) did not answer in 15 s$`);
    assert.match(silentError(stateDir, socket, 15).message, said);
    assert.doesNotMatch(silentError(join(stateDir, 'gone'), socket, 15).message, /process/);
  });

  test('a stopped process is not waited for: the error has its number, its state and the remedy', async () => {
    daemon.kill('SIGSTOP');
    const said = `its process ${daemon.pid} is stopped (state T): to let it continue, run \`sudo kill -CONT ${daemon.pid}\``;
    const fails = async (asked: Promise<unknown>, end: string): Promise<void> =>
      await assert.rejects(asked, ({ code: name, message }: Error & { readonly code: string }) => {
        assert.equal(name, 'not-running');
        assert.equal(message, `the daemon at ${socket} does not answer: ${said}${end}`);
        return true;
      });
    await Promise.all([
      fails(askDaemon(stateDir, '/status'), ''),
      fails(askDaemon(stateDir, '/x', 'POST', 'a=b'), '; it may then still carry out this command'),
      fails(
        followDaemon(stateDir, '/x', () => undefined, new AbortController().signal),
        '',
      ),
    ]);
  });
});

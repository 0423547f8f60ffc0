// The thread of images, which does works for the region and for commands. It reads documents, verifies
// signatures, downloads, converts and hashes.

import { parentPort } from 'node:worker_threads';
import { keepCompiledCode } from '../ground/compiled-code.ts';
import { errorText, RackError, unreachable } from '../ground/errors.ts';
import { type AnswerLine, formatRefusal } from '../images/engine/protocol.ts';
import { openEngineSocket } from '../images/engine/socket.ts';
import { doWork } from '../images/engine/works.ts';
import type { FromImageThread, RunCommand, RunReport, ToImageThread } from '../region-host/imports/message.ts';
import { importSelected, type RunIo } from '../region-host/imports/selected.ts';

const sendToRegion = (message: FromImageThread): void => parentPort?.postMessage(message);

/** The socket for commands. Undefined if it is neither open nor being opened. */
let commandSocket: Promise<void> | undefined;

async function openCommandSocket(path: string): Promise<void> {
  try {
    commandSocket ??= openEngineSocket(path, (isBusy) => sendToRegion({ isBusy }));
    await commandSocket;
  } catch (error) {
    commandSocket = undefined;
    throw new RackError('socket-refused', `the thread of images cannot be asked: ${errorText(error)}`);
  }
}

/** The receivers of messages to works under way, by the numbers of the works. */
const workReceivers = new Map<number, (tell: RunCommand) => void>();

interface ThreadIo extends Omit<RunIo, 'report'> {
  readonly report: (line: AnswerLine | RunReport) => void;
}

async function beginWork(id: number, work: (io: ThreadIo) => Promise<unknown>): Promise<void> {
  const report = (line: AnswerLine | RunReport): void => sendToRegion({ id, line });
  const stop = new AbortController();
  let receiveCommand: Parameters<RunIo['onCommand']>[0] = () => undefined;
  workReceivers.set(id, (command) => (command === 'stop' ? stop.abort() : receiveCommand(command)));
  const onTell: RunIo['onCommand'] = (listener) => {
    receiveCommand = listener;
  };
  try {
    report({ done: await work({ signal: stop.signal, report, onCommand: onTell }) });
  } catch (error) {
    report(formatRefusal(error));
  } finally {
    workReceivers.delete(id);
  }
}

parentPort?.on('message', (message: ToImageThread) => {
  switch (message.kind) {
    case 'open':
      void beginWork(message.id, () => openCommandSocket(message.path));
      return;
    case 'work': {
      const { id, name, tree, options } = message;
      void beginWork(id, (io) => doWork(name, tree, options, io));
      return;
    }
    case 'run':
      void beginWork(message.id, (io) => importSelected(message.order, io));
      return;
    case 'tell':
      workReceivers.get(message.id)?.(message.tell);
      return;
    default:
      unreachable(message);
  }
});
keepCompiledCode();

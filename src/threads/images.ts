// The thread of images: does works for the region and for commands. It reads documents, verifies
// signatures, downloads, converts and hashes.

import { parentPort } from 'node:worker_threads';
import { keepCompiledCode } from '../ground/compiled-code.ts';
import { errorText, RackError, unreachable } from '../ground/errors.ts';
import { type AnswerLine, formatRefusal } from '../images/engine/protocol.ts';
import { openEngineSocket } from '../images/engine/socket.ts';
import { doWork } from '../images/engine/works.ts';
import type { FromImageThread, RunReport, Tell, ToImageThread } from '../region-host/imports/message.ts';
import { importSelected, type RunIo } from '../region-host/imports/selected.ts';

const tellRegion = (message: FromImageThread): void => parentPort?.postMessage(message);

/** Undefined: it is neither open nor being opened. */
let socket: Promise<void> | undefined;

async function openCommands(path: string): Promise<void> {
  try {
    socket ??= openEngineSocket(path, (isBusy) => tellRegion({ isBusy }));
    await socket;
  } catch (error) {
    socket = undefined;
    throw new RackError('socket-refused', `the thread of images cannot be asked: ${errorText(error)}`);
  }
}

/** The receivers of messages to works under way, by the numbers of the works. */
const works = new Map<number, (tell: Tell) => void>();

interface ThreadIo extends Omit<RunIo, 'report'> {
  readonly report: (line: AnswerLine | RunReport) => void;
}

async function begin(id: number, work: (io: ThreadIo) => Promise<unknown>): Promise<void> {
  const report = (line: AnswerLine | RunReport): void => tellRegion({ id, line });
  const stop = new AbortController();
  let take: Parameters<RunIo['onTell']>[0] = () => undefined;
  works.set(id, (told) => (told === 'stop' ? stop.abort() : take(told)));
  const onTell: RunIo['onTell'] = (listener) => {
    take = listener;
  };
  try {
    report({ done: await work({ signal: stop.signal, report, onTell }) });
  } catch (error) {
    report(formatRefusal(error));
  } finally {
    works.delete(id);
  }
}

parentPort?.on('message', (message: ToImageThread) => {
  switch (message.kind) {
    case 'open':
      void begin(message.id, () => openCommands(message.path));
      return;
    case 'work': {
      const { id, name, tree, options } = message;
      void begin(id, (io) => doWork(name, tree, options, io));
      return;
    }
    case 'run':
      void begin(message.id, (io) => importSelected(message.order, io));
      return;
    case 'tell':
      works.get(message.id)?.(message.tell);
      return;
    default:
      unreachable(message);
  }
});
keepCompiledCode();

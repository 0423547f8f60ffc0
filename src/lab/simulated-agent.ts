// The agent in a simulated machine, with the effects that others see. Sans-IO: it yields requests
// and receives answers. Its disk is a string.
//
//   job ─┬─ commission: reports its hardware (not to be tested), runs each script, reports success ─► off
//        ├─ deploy: reports the progress of writing the disk, then its end ─► restarts
//        ├─ erase: reports that its disks are erased ─► off
//        ├─ rescue: reports that it is ready ─► stays on
//        ├─ reboot: its rack did not yet know that the disk is written ─► restarts
//        └─ poweroff, none ─► off
//
// 1. A refusal ends the work. The caller repeats requests that get no answer.

import type { MachineOutcome } from './machine-actions.ts';

export interface AgentRequest {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly body?: string;
  /** Header fields instead of the boot token. */
  readonly fields?: Readonly<Record<string, string>>;
}

export interface AgentAnswer {
  readonly status: number;
  readonly text: string;
}

/** Off, a restart from the disk as it is now, or a running system. */
type AgentEnd =
  | { readonly kind: 'off'; readonly outcome: MachineOutcome }
  /**
   * `cloudConfig`: for the cloud-init of the new system; empty: there is none; undefined: no system
   * was written.
   */
  | { readonly kind: 'restart'; readonly cloudConfig: string | undefined }
  | { readonly kind: 'up' };

export type AgentWork = Generator<AgentRequest, AgentEnd, AgentAnswer>;

interface AgentOptions {
  /** As seen from the machine, ending in `/MAAS`. */
  readonly url: string;
  /** The form body that reports its hardware. */
  readonly report: string;
  /** True if the system that it writes has cloud-init. */
  readonly cloudInit: boolean;
  /** Why the memory test fails; undefined if every test passes. */
  readonly fault: string | undefined;
}

const SCRIPTS_MAX = 256;
/** The script that reports the fault. */
const FAULTY_SCRIPT = 'memory';
/** Progress reports while writing the disk. */
const WRITTEN_PARTS = 10;

class Refused extends Error {}

export function* doJob(options: AgentOptions): AgentWork {
  try {
    const lines = (yield* askMetadata(options, 'GET', 'job')).split('\n');
    const job = Object.fromEntries(lines.map((line) => line.split(/=(.*)/s).slice(0, 2)));
    switch (job.job) {
      case 'commission':
        return yield* commission(options, Number(job.scripts ?? 0), job.purpose === 'testing');
      case 'deploy':
        return yield* deploy(options, Number(job.image_bytes ?? 0));
      case 'erase':
        yield* signal(options, { status: 'OK', stage: 'erased' });
        return done('erase');
      case 'rescue':
        yield* signal(options, { status: 'OK', stage: 'login' });
        return done('rescue');
      case 'reboot':
        return { kind: 'restart', cloudConfig: undefined };
      default:
        return done(job.job ?? 'none');
    }
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return { kind: 'off', outcome: { kind: 'failed', reason: error.message } };
  }
}

const done = (job: string): AgentEnd => ({ kind: 'off', outcome: { kind: 'worked', job } });

function* commission(options: AgentOptions, scripts: number, isTested: boolean): AgentWork {
  // The region expects no report of the hardware in the state Testing.
  if (!isTested) {
    const reported = yield { method: 'POST', url: `${options.url}/api/2.0/machines/`, body: options.report };
    if (reported.status >= 300) throw new Refused(`its report was answered ${reported.status}: ${reported.text}`);
  }
  yield* signal(options, { status: 'WORKING', stage: 'testing' });
  if (scripts > 0) yield* runScripts(options);
  if (options.fault !== undefined) {
    yield* signal(options, { status: 'FAILED', stage: 'testing', message: options.fault });
    return done('commission');
  }
  yield* signal(options, { status: 'OK', stage: 'tested' });
  return done('commission');
}

function* runScripts(options: AgentOptions): Generator<AgentRequest, void, AgentAnswer> {
  const list = (yield* askMetadata(options, 'GET', 'scripts')).split('\n').filter((line) => line !== '');
  for (const line of list.slice(0, SCRIPTS_MAX)) {
    const [id = '', , , name = ''] = line.split(' ');
    yield* signal(options, { status: 'WORKING', stage: 'testing', script: name, script_id: id });
    const ended = { script: name, script_id: id, ended: 'exited', ...buildResult(name, options.fault) };
    yield* signal(options, { status: 'WORKING', stage: 'testing', ...ended });
  }
}

/** The fields for exit status and output. */
function buildResult(name: string, fault: string | undefined): Readonly<Record<string, string>> {
  if (fault === undefined || name !== FAULTY_SCRIPT) return { exit_status: '0' };
  return { exit_status: '1', offset: '0', output_base64: Buffer.from(`${fault}\n`).toString('base64') };
}

function* deploy(options: AgentOptions, bytes: number): AgentWork {
  yield* signal(options, { status: 'WORKING', stage: 'partitioning' });
  for (let part = 1; part <= WRITTEN_PARTS; part += 1) {
    const far = { done_bytes: String(Math.floor((bytes * part) / WRITTEN_PARTS)), total_bytes: String(bytes) };
    yield* signal(options, { status: 'WORKING', stage: 'writing', ...far });
  }
  const cloudConfig = options.cloudInit ? yield* personalise(options) : '';
  yield* signal(options, { status: 'OK', stage: 'written' });
  return { kind: 'restart', cloudConfig };
}

function* personalise(options: AgentOptions): Generator<AgentRequest, string, AgentAnswer> {
  yield* signal(options, { status: 'WORKING', stage: 'personalising' });
  return yield* askMetadata(options, 'GET', 'cloud-config');
}

function* askMetadata(options: AgentOptions, method: 'GET' | 'POST', name: string, body?: string) {
  const url = `${options.url}/rackboot/1/${name}`;
  const { status, text }: AgentAnswer = yield body === undefined ? { method, url } : { method, url, body };
  if (status >= 300) throw new Refused(`${name} was answered ${status}: ${text.slice(0, 200)}`);
  return text;
}

const signal = (options: AgentOptions, fields: Readonly<Record<string, string>>) =>
  askMetadata(options, 'POST', 'signal', new URLSearchParams(fields).toString());

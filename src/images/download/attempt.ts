// One attempt to complete a part from one source.
//
//   open ─▶ planBody ─┬─▶ body ─▶ skip what is kept, append the rest ─▶ whole
//                     ├─▶ again: drop the kept bytes, open once more
//                     └─▶ whole: nothing is missing
//
// 1. Every attempt ends: opening has timeouts (web-client.ts), and a body has a minimum pace and a maximum size (body.ts).
// 2. However the attempt ends, all appended bytes are written before `runAttempt` settles, unless the disk failed.

import type { Clock } from '../../clock.ts';
import { type AttemptMeans, Body, type BodyListener, cutFault } from './body.ts';
import { AttemptFailure } from './fault.ts';
import type { PartFile } from './part-file.ts';
import { type BodyPlan, planBody, rangeFields, type Wanted } from './range-answer.ts';
import type { WebAnswer } from './web-client.ts';

/** Callbacks during an attempt. */
interface AttemptListener extends BodyListener {
  /**
   * Called before the body is read. Rejects with AttemptFailure if the disk has no room for the file.
   * @param total the size of the file; undefined: unknown
   * @param kept how many of its bytes this host has
   */
  onHead(total: number | undefined, kept: number): Promise<void>;
}

/** The options of an attempt. */
interface AttemptTask {
  readonly url: URL;
  readonly part: PartFile;
  readonly bytesMax: number;
  /** The published size; undefined: unknown. */
  readonly bytes: number | undefined;
  /** True if a digest of the whole file will be compared. */
  readonly hasDigest: boolean;
  /** True if its bytes may be appended to bytes of another URL. */
  readonly mayMix: boolean;
  /** False to request the whole file. */
  readonly usesRange: boolean;
}

/**
 * Makes an attempt. @returns true if the part is the whole file; false if the signal came first
 * @throws AttemptFailure; the system's error if the part cannot be written
 */
export async function runAttempt(
  task: AttemptTask,
  means: AttemptMeans,
  listener: AttemptListener,
  signal: AbortSignal,
): Promise<boolean> {
  const { part, url } = task;
  for (let isFirst = true; ; isFirst = false) {
    const wanted = wantedOf(task);
    const fields = (asked: URL): Readonly<Record<string, string>> => (task.usesRange ? rangeFields(asked, wanted) : {});
    const answer = await means.web.open(url, fields, signal);
    if (answer === undefined) return false;
    try {
      const plan = planAnswer(answer, wanted, means.clock);
      if (plan.kind === 'whole') return true;
      if (plan.kind === 'body') return await readBody(answer, plan, task, means, listener, signal);
      await part.drop();
      // Without kept bytes the second request has no range, so its answer should differ.
      if (!isFirst) throw new AttemptFailure({ code: 'range-wrong', params: { host: url.host, from: 0, range: '' } });
    } finally {
      answer.close();
    }
  }
}

const wantedOf = ({ part, mayMix, hasDigest, bytes, bytesMax }: AttemptTask): Wanted => ({
  from: part.bytes,
  kept: part.kept,
  mayMix,
  hasDigest,
  bytes,
  bytesMax,
});

const planAnswer = ({ url, message }: WebAnswer, wanted: Wanted, clock: Clock): BodyPlan =>
  planBody({ url, status: message.statusCode ?? 0, headers: message.headers, wallTimeMs: clock.wallTimeMs() }, wanted);

async function readBody(
  answer: WebAnswer,
  plan: BodyPlan & { readonly kind: 'body' },
  task: AttemptTask,
  means: AttemptMeans,
  listener: AttemptListener,
  signal: AbortSignal,
): Promise<boolean> {
  const { part, url } = task;
  // A connection error in the meantime is reported when the body is read.
  answer.message.on('error', () => undefined);
  if (plan.isNew) await part.begin(plan.file, url.href);
  else await part.recordFile(plan.file, url.href);
  await listener.onHead(plan.file.total, part.bytes);
  const { total } = plan.file;
  const bounds = { surplus: part.bytes - plan.at, total, bytesMax: task.bytesMax };
  const body = new Body(answer, part, bounds, means, listener);
  try {
    if (!(await body.read(signal))) return false;
  } finally {
    part.listen(undefined);
    await part.flush();
  }
  if (total !== undefined && part.bytes < total) {
    throw new AttemptFailure(cutFault(answer.url, part.bytes, total, 'it is too short'));
  }
  return true;
}

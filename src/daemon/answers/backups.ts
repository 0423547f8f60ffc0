// What `rackboot backup --keep` tells the running rack over the control socket: a backup, or why
// there is none. A failure is shown by `rackboot status` and on the page of health until a backup
// succeeds.

import { z } from 'zod';
import type { ControlAnswers } from '../../control/requests.ts';
import type { Clock } from '../../ground/clock.ts';
import { RackError } from '../../ground/errors.ts';
import { parseJson } from '../../ground/fields.ts';
import type { EventStream } from '../../observe/event-stream.ts';
import { type RackNote, withText } from '../../region/reports/notes.ts';

const text = z.string().max(4096);
const backupShape = z.union([
  z.strictObject({ file: text, bytes: z.number().int().min(0) }),
  z.strictObject({ file: text, reason: text }),
]);

/** The last backup that the rack heard of. */
export class Backups {
  #failure: RackNote<'backup-failed'> | undefined;

  get notes(): readonly RackNote[] {
    return this.#failure === undefined ? [] : [this.#failure];
  }

  answers({ clock, stream }: { readonly clock: Clock; readonly stream: EventStream }): ControlAnswers {
    return {
      'POST /backups': async ({ body }) => {
        const parsed = backupShape.safeParse(parseJson(await body()));
        if (!parsed.success) throw new RackError('bad-argument', 'give a file with its bytes, or with a reason');
        const { data } = parsed;
        const now = clock.now();
        this.#failure = 'reason' in data ? { note: 'backup-failed', ...data } : undefined;
        if (this.#failure !== undefined)
          stream.publish({ kind: 'daemon.backup-failed', at: now, ...withText(this.#failure) });
        else if ('bytes' in data) stream.publish({ kind: 'daemon.backed-up', at: now, ...data });
        return {};
      },
    };
  }
}

// The bounds of power control.

import type { HeldBound } from './row.ts';

export const POWER_BOUNDS: readonly HeldBound[] = [
  {
    at: 'power/queue.ts RUNNING_MAX',
    what: 'commands and questions to power controllers that run',
    whoCanFill: 'controllers that do not answer: each keeps its place for 30 s',
    whatOthersNotice: 'commands for other machines wait for their turn',
    harm: { kind: 'waits' },
    howItEmpties: 'with each end, after COMMAND_MS_MAX at the latest',
    share: 'a controller has one; questions have half',
    test: 'power/queue.test.ts',
  },
  {
    at: 'power/queue.ts QUESTIONS_RUNNING_MAX',
    what: 'questions for the state of machines that run',
    whoCanFill: 'controllers that do not answer, of machines that somebody accepted',
    whatOthersNotice: 'the state of other machines is seen later',
    harm: { kind: 'waits' },
    howItEmpties: 'with each end; who does not answer is asked less and less often',
    share: 'a controller has one; what an enlisting machine names is not asked until somebody accepts it',
    test: 'power/queue.test.ts',
  },
  {
    at: 'power/queue.ts COMMANDS_MAX',
    what: 'commands that wait',
    whoCanFill: 'people who switch thousands of machines at once',
    whatOthersNotice: 'a further command is refused with its reason',
    harm: { kind: 'refused', stoppedBy: 'administrators you trust; remove what is not needed' },
    howItEmpties: 'as they run, or after 10 minutes',
    share: 'a machine has one',
    test: 'power/queue.test.ts',
  },
  {
    at: 'power/queue.ts QUESTIONS_MAX',
    what: 'questions that wait',
    whoCanFill: 'thousands of machines with controllers that do not answer',
    whatOthersNotice: 'a state is not asked for until the next interval',
    harm: { kind: 'waits' },
    howItEmpties: 'as they run, or after 10 minutes',
    share: 'a machine has one',
    test: 'power/queue.test.ts',
  },
  {
    at: 'power/program.ts OUTPUT_BYTES_MAX',
    what: 'what is kept of the output of a program of a driver',
    whoCanFill: 'a controller that answers without end',
    whatOthersNotice: 'nothing: more is read and forgotten',
    howItEmpties: 'with the program, after 30 s at the latest',
    share: 'by program',
    test: 'power/program.test.ts',
  },
  {
    at: 'store/region-power.ts ENDED_MAX',
    what: 'commands that have ended and are remembered',
    whoCanFill: 'people who switch machines',
    whatOthersNotice: 'nothing: a command of long ago that is repeated is done once more',
    howItEmpties: 'after 30 days; the oldest goes first',
    share: 'none is needed: only people with an account give commands',
    test: 'store/region-power.test.ts',
  },
];

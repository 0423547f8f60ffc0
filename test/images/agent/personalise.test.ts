// Checks what the agent writes into an installed system; the long suite has further tools, jobs and file systems.

import { describe } from 'node:test';
import { missing } from '../../support/needs.ts';
import { personalise } from './personalised.ts';

describe('a system that was written to a disk', { skip: missing('busybox') }, () => personalise(false));

// Further checks of what the agent writes into an installed system.
// @host waits, 15 s
// @disk

import { describe } from 'node:test';
import { personalise } from '../images/agent/personalised.ts';
import { missing } from '../support/needs.ts';

describe('a system that was written to a disk', { skip: missing('busybox') }, () => personalise(true));

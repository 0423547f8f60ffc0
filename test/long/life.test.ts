// The life of a machine by the command line, with all its commands.
// @host alone

import { testLifeByCommand } from '../cases/life-by-command.ts';

testLifeByCommand('all');

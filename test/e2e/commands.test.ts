// The commands as a user gives them on the host of a running rack: their output, their output for scripts, and their exit codes; and the API with the key that one of them prints. The long suite has further words.
// @host waits

import { testRackCommands } from '../cases/rack-commands.ts';

testRackCommands('short');

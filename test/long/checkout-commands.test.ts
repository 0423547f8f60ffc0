// All commands that refusals, notes and hints of a checkout name work as typed.
// @host waits

import { testCheckoutCommands } from '../cases/checkout-commands.ts';

testCheckoutCommands('all');

// Playwright's driver requires this when it starts; see playwright_driver.py.
'use strict';

// A closing terminal and a service manager send these to the whole group; the driver ends when we tell it to.
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGBREAK']) process.on(name, () => {});

// Chromium heeds only the last of several --disable-features, and Playwright gives one of its own: ours joins it.
const KEY = '--disable-features=';
const processes = require('node:child_process');
const spawn = processes.spawn;
processes.spawn = function (command, given, ...rest) {
  if (!Array.isArray(given)) return spawn.call(this, command, given, ...rest);
  const lists = given.filter((argument) => argument.startsWith(KEY)).map((argument) => argument.slice(KEY.length));
  const others = given.filter((argument) => !argument.startsWith(KEY));
  const merged = lists.length > 1 ? [KEY + lists.join(','), ...others] : given;
  return spawn.call(this, command, merged, ...rest);
};

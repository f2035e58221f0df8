// Asks the metadata service for the path in argv again and again over one connection, and tells what it hears, and what ends it.
// By IPv6 where the address follows in argv.
import { connect } from "node:net";

const [path, address = "169.254.169.254"] = process.argv.slice(2);
const socket = connect(80, address);
const ask = () => socket.write(`GET ${path} HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n`);
socket.on("connect", ask);
socket.on("data", (data) => {
  process.stdout.write(`${String(data).split("\r\n\r\n")[1]}\n`);
  setTimeout(ask, 20);
});
socket.on("error", (error) => process.stdout.write(`${error.code}\n`));

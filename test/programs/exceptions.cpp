// SPDX-License-Identifier: BSD-3-Clause
//
// C++ behind the start of the region: exceptions through frames with destructors (the unwinder
// asks the dynamic loader for the modules), strings, maps, streams. Exits with 3.
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "region.h"

namespace
{

int destroyed = 0;

struct Counted {
    ~Counted()
    {
        destroyed++;
    }
};

struct Deep : std::runtime_error {
    explicit Deep(int depth) : std::runtime_error("thrown from depth " + std::to_string(depth)) {}
};

[[gnu::noinline]] int descend(int depth, int until)
{
    Counted counted;
    if (depth == until)
        throw Deep(depth);
    return descend(depth + 1, until) + 1;
}

std::string attempt(int until)
{
    try {
        return std::to_string(descend(0, until));
    } catch (const std::out_of_range &) {
        return "never";
    } catch (const std::exception &error) {
        return error.what();
    }
}

std::string rethrown(const std::string &key)
{
    const std::map<std::string, int> empty;
    try {
        try {
            return std::to_string(empty.at(key));
        } catch (const std::out_of_range &) {
            std::throw_with_nested(std::logic_error("no " + key));
        }
    } catch (const std::logic_error &error) {
        return error.what();
    }
}

} // namespace

int main()
{
    std::map<std::string, std::vector<int>> table;
    for (int i = 0; i < 500; i++)
        table["key" + std::to_string(i * 7919 % 101)].push_back(i);
    std::cout << "exceptions: " << table.size() << " keys, " << attempt(3) << ", " << destroyed
              << " destroyed\n";
    auto held = std::make_unique<std::string>("made before the region");

    region_start();

    std::cout << *held << '\n';
    for (int until : {1, 10, 200})
        std::cout << attempt(until) << ", " << destroyed << " destroyed\n";
    std::cout << rethrown("such key") << '\n';
    std::ostringstream text;
    for (const auto &[key, values] : table)
        text << key << ':' << values.size() << '/' << values.back() << ' ';
    std::cout << text.str().size() << " characters: " << text.str().substr(0, 60) << std::endl;
    try {
        descend(0, 2);
    } catch (const Deep &) {
        return 3;
    }
    return 0;
}

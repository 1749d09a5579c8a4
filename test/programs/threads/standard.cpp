/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Threads of the C++ library over the start of the region: std::thread, condition_variable, future,
 * recursive and shared mutexes, call_once, thread_local objects with destructors, and exceptions
 * that are thrown in one thread and caught in another. Exits with 13.
 */
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <future>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

extern "C" {
#include "../region.h"
}

namespace
{

constexpr int count = 6;

std::mutex mutex;
std::recursive_mutex recursive;
std::shared_mutex shared;
std::condition_variable condition;
std::once_flag once;
std::atomic<int> ready, sum, destroyed, once_calls;
bool released; // under mutex

struct Local {
    std::string text = "local";
    ~Local()
    {
        destroyed += static_cast<int>(text.size());
    }
};

thread_local Local local;

void run(int self)
{
    local.text += std::to_string(self);
    {
        std::shared_lock<std::shared_mutex> reader(shared);
        std::unique_lock<std::mutex> lock(mutex);
        ++ready;
        condition.wait(lock, [] { return released; });
    }
    std::lock_guard<std::recursive_mutex> first(recursive);
    std::lock_guard<std::recursive_mutex> second(recursive);
    std::call_once(once, [] { ++once_calls; });
    sum += self;
}

int throws(int self)
{
    ++ready;
    {
        std::unique_lock<std::mutex> lock(mutex);
        condition.wait(lock, [] { return released; });
    }
    if (self % 2)
        throw std::runtime_error("thrown by " + std::to_string(self));
    return self * 10;
}

} // namespace

int main()
{
    std::vector<std::thread> threads;
    std::vector<std::future<int>> futures;
    std::unique_lock<std::recursive_mutex> lock(recursive);
    for (int i = 0; i < count; i++) {
        threads.emplace_back(run, i);
        futures.push_back(std::async(std::launch::async, throws, i));
    }
    std::printf("%d threads and %d futures\n", count, count);
    while (ready < 2 * count)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    std::this_thread::sleep_for(std::chrono::milliseconds(20));

    region_start();

    std::printf("nobody writes: %s\n", shared.try_lock() ? "no" : "yes");
    {
        std::lock_guard<std::mutex> guard(mutex);
        released = true;
    }
    condition.notify_all();
    lock.unlock();
    for (auto &thread : threads)
        thread.join();
    for (auto &future : futures) {
        try {
            std::printf("value %d\n", future.get());
        } catch (const std::exception &error) {
            std::printf("exception: %s\n", error.what());
        }
    }
    std::thread([] { run(100); }).join();
    std::printf("sum %d, destroyed %d, once %d\n", sum.load(), destroyed.load(), once_calls.load());
    return 13;
}
